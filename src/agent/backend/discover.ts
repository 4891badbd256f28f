import { BLOCK_MAX, hasFeature, hex } from '../../abi/codec.js';
import { SdmError } from '../../common/errors.js';
import { formatSize } from '../../common/units.js';
import type { RegisterBlockInfo } from '../../native/types.js';
import { barOf, IVSHMEM, NO_PCI_DEVICE, type PciDevice, type PciResource } from './pci.js';

/** Opens a device's registers for a look; throws with a sentence where it holds none. */
export type Identify = (address: string) => RegisterBlockInfo;

/** Registers that were found, by whichever way: `address` is the name of their device. */
export interface RegistersAt {
  readonly device: { readonly address: string };
  readonly info: RegisterBlockInfo;
}

export interface FoundRegisters extends RegistersAt {
  readonly device: PciDevice;
}

/** What a device is looked at for. */
type Part = 'registers' | 'memory';

function describe(device: PciDevice, part: Part): string {
  const bar = barOf(device, part);
  return bar === undefined
    ? `${device.address} (no BAR${device.kind[part]})`
    : `${device.address} (${formatSize(bar.size)} at ${hex(bar.start)})`;
}

function list(devices: readonly PciDevice[], part: Part): string {
  return devices.map((device) => describe(device, part)).join(', ') || 'none';
}

function byAddress(devices: readonly PciDevice[], address: string, part: Part): PciDevice {
  const device = devices.find((candidate) => candidate.address === address);
  if (device !== undefined) return device;
  const [code, none] =
    part === 'registers'
      ? ([
          'SDM_NO_REGISTERS',
          `registers are configured at ${address}, where ${NO_PCI_DEVICE} is`,
        ] as const)
      : ([
          'SDM_NO_POOL',
          `the pool is configured at ${address}, where no ivshmem device is`,
        ] as const);
  throw new SdmError(code, `${none}; found: ${list(devices, part)}`, {
    details: { asked: address, found: devices.map((d) => d.address) },
  });
}

/**
 * The device that carries the registers: the configured one, or the only one whose ID says so.
 * A pool is never opened for the look: a block is at most 64 KiB.
 * @param tried the ways to registers that lead nowhere, a sentence to be told where this one does, too.
 * @throws SDM_NO_REGISTERS, with what every candidate said.
 */
export function findRegisters(
  devices: readonly PciDevice[],
  wanted: string,
  identify: Identify,
  tried?: string,
): FoundRegisters {
  if (wanted !== 'auto') {
    const device = byAddress(devices, wanted, 'registers');
    return { device, info: identify(device.address) };
  }
  const refusals: string[] = [];
  const found: FoundRegisters[] = [];
  for (const device of devices) {
    const bar = barOf(device, 'registers');
    if (bar === undefined || bar.size > BigInt(BLOCK_MAX)) {
      refusals.push(`${describe(device, 'registers')}: too large for a register block`);
      continue;
    }
    try {
      found.push({ device, info: identify(device.address) });
    } catch (error) {
      refusals.push(`${describe(device, 'registers')}: ${(error as Error).message}`);
    }
  }
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first;
  const sentence =
    first === undefined
      ? `${tried === undefined ? '' : `${tried}; `}${NO_PCI_DEVICE} holds a register block`
      : `several devices hold register blocks (${list(
          found.map((f) => f.device),
          'registers',
        )}); name one as registers.pci`;
  const seen = refusals.length === 0 ? '' : `; ${refusals.join('; ')}`;
  const none = devices.length === 0 ? '; this machine has none' : '';
  const board = first === undefined && tried !== undefined ? '. On a board: docs/zynq.md' : '';
  throw new SdmError('SDM_NO_REGISTERS', `${sentence}${seen}${none}${board}`, {
    details: { found: devices.map((d) => d.address) },
  });
}

/**
 * The ivshmem device that is the pool: the configured one, or the only other one as long as the window. The
 * configured one may be of another size only where addresses are translated: else the registers
 * would refuse parts of the pool, or let pass what lies beyond it.
 * @throws SDM_NO_POOL, with a list of what is there.
 */
export function findPool(
  devices: readonly PciDevice[],
  wanted: string,
  registers: RegistersAt,
): { readonly device: PciDevice; readonly memory: PciResource } {
  const others = devices.filter(
    ({ kind, address }) => kind === IVSHMEM && address !== registers.device.address,
  );
  const { windowSize, features } = registers.info;
  const candidates =
    wanted === 'auto'
      ? others.filter((device) => barOf(device, 'memory')?.size === windowSize)
      : [byAddress(others, wanted, 'memory')];
  const [device, second] = candidates;
  const memory = device === undefined ? undefined : barOf(device, 'memory');
  if (device === undefined || second !== undefined || memory === undefined) {
    throw new SdmError(
      'SDM_NO_POOL',
      `the registers at ${registers.device.address} name a window of ${formatSize(windowSize)}; ` +
        `ivshmem devices of that size: ${list(candidates, 'memory')}; other ones: ` +
        `${list(others, 'memory')}. ` +
        (second === undefined ? 'Give this brick a pool, or' : 'Choose one:') +
        ' name it as pool.pci' +
        (hasFeature(features, 'translation')
          ? ', or leave out "pool": the registers translate'
          : ''),
      { details: { windowSize: hex(windowSize), found: others.map((d) => d.address) } },
    );
  }
  if (memory.size !== windowSize && !hasFeature(features, 'translation')) {
    throw new SdmError(
      'SDM_NO_POOL',
      `pool is configured as ${describe(device, 'memory')}, but the registers at ` +
        `${registers.device.address} name a window of ${formatSize(windowSize)} and do not ` +
        'translate: both must be as long; name another device as pool.pci, or format the registers ' +
        "with the pool's size",
      { details: { windowSize: hex(windowSize), poolSize: hex(memory.size) } },
    );
  }
  return { device, memory };
}
