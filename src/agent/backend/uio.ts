import { join } from 'node:path';
import { BLOCK_MAX, blockLength, hex } from '../../abi/codec.js';
import { SdmError } from '../../common/errors.js';
import type {
  Native,
  OpenRegistersOptions,
  RegisterBlockInfo,
  RegisterSource,
} from '../../native/types.js';
import { readLinkName, readNames, readText } from '../memory/sysfs.js';
import type { Log, PoolConfig } from '../types.js';
import { BlockBackend } from './block.js';
import { infoOf } from './info.js';
import { lockDevice } from './lock.js';
import { listPciDevices } from './pci.js';
import { openPool } from './pool.js';
import type { RegisterBackend } from './types.js';

/** A UIO device: what a driver of the kernel gives to user space, range by range. */
export interface UioDevice {
  /** Such as "uio0". */
  readonly name: string;
  /** The device behind it: a PCI address, or a name such as "a0000000.memport". */
  readonly device: string;
  /** What it is called, by its driver and by its first range; for people and to tell it by. */
  readonly titles: readonly string[];
  /** Its first range; undefined where it has none. Bytes; `offset` is that into the first page. */
  readonly map: { readonly size: bigint; readonly offset: bigint } | undefined;
  /** Whether it is looked at without being named. */
  readonly likely: boolean;
}

/** The node of a register block in a device tree (kernel/bindings). */
const COMPATIBLE = 'dredbox,memport-v1';
const LEAST = BigInt(blockLength(1));

/** All of them, by number. An empty list where the kernel has no UIO. */
export function listUio(sysfs: string): UioDevice[] {
  const root = join(sysfs, 'class/uio');
  const pci = new Set(listPciDevices(sysfs).map(({ address }) => address));
  return readNames(root)
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .map((name) => {
      const read = (file: string): string | undefined => readText(join(root, name, file));
      const device = readLinkName(join(root, name, 'device')) ?? name;
      const titles = [read('name'), read('maps/map0/name')].filter((title) => title !== undefined);
      const size = read('maps/map0/size');
      const map =
        size === undefined
          ? undefined
          : { size: BigInt(size), offset: BigInt(read('maps/map0/offset') ?? '0') };
      const known =
        pci.has(device) ||
        titles.some((title) => title.includes('memport')) ||
        (read('device/of_node/compatible') ?? '').split('\0').includes(COMPATIBLE);
      return { name, device, titles, map, likely: known && lack(map) === undefined };
    });
}

/** Why a range cannot be a register block, if that shows without a look into it. */
function lack(map: UioDevice['map']): string | undefined {
  if (map === undefined) return 'it has no range to map';
  if (map.size < LEAST) return `its range of ${map.size} bytes is too small for a register block`;
  if (map.size > BigInt(BLOCK_MAX)) return `its range of ${map.size} bytes is too large for one`;
  if (map.offset !== 0n) return `its range begins ${hex(map.offset)} into a page`;
  return undefined;
}

/** How the addon opens one whose range can be a block. Whether it is one, the addon says. */
export function uioSource({ name, map }: UioDevice): Extract<RegisterSource, { device: string }> {
  return { device: `/dev/${name}`, size: Number(map?.size ?? 0n) };
}

const describe = ({ name, device, titles }: UioDevice): string =>
  `${name} (${[...new Set([device, ...titles])].join(', ')})`;

const listOf = (devices: readonly UioDevice[]): string =>
  devices.map(describe).join(', ') || 'none';
const detailsOf = (devices: readonly UioDevice[], wanted: string): Record<string, unknown> => ({
  asked: wanted,
  found: devices.map(({ name }) => name),
});

/**
 * The UIO device of that name, whatever it is called, if its first range can be a register block. The
 * addon maps a range from the beginning of a page, so one that begins later would be another's.
 * @param wanted "uio0", or the name of the device behind it.
 * @throws SDM_NO_REGISTERS.
 */
export function namedUio(devices: readonly UioDevice[], wanted: string): UioDevice {
  const device = devices.find((each) => each.name === wanted || each.device === wanted);
  const why = device === undefined ? 'it is not there' : lack(device.map);
  if (device !== undefined && why === undefined) return device;
  throw new SdmError(
    'SDM_NO_REGISTERS',
    `the UIO device ${wanted} cannot be a register block: ${why}; UIO devices: ${listOf(devices)}`,
    { details: detailsOf(devices, wanted) },
  );
}

/**
 * The UIO device whose first range is a register block: the one named (whatever it is called), or the
 * only one that looks like one and whose ID says so. Others are not even opened: a read may change
 * something in a device that nobody here knows.
 * @param wanted "auto", "uio0", or the name of the device behind it.
 * @throws SDM_NO_REGISTERS, with what every candidate said.
 */
export function findUio(
  devices: readonly UioDevice[],
  wanted: string,
  identify: (device: UioDevice) => RegisterBlockInfo,
): { readonly device: UioDevice; readonly info: RegisterBlockInfo } {
  if (wanted !== 'auto') {
    const device = namedUio(devices, wanted);
    return { device, info: identify(device) };
  }
  const refusals: string[] = [];
  const found = devices
    .filter(({ likely }) => likely)
    .flatMap((device) => {
      try {
        return [{ device, info: identify(device) }];
      } catch (error) {
        refusals.push((error as Error).message);
        return [];
      }
    });
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first;
  const why =
    first === undefined
      ? ['no UIO device looks like a register block and is one', ...refusals].join('; ')
      : `several UIO devices are register blocks (${found.map((f) => describe(f.device)).join(', ')})`;
  throw new SdmError(
    'SDM_NO_REGISTERS',
    `${why}; UIO devices: ${listOf(devices)}. Name one as registers.uio, or as registers.device`,
    { details: detailsOf(devices, wanted) },
  );
}

/**
 * Registers that a UIO driver gives away: /dev/uioN, mapped as a BAR is.
 * @throws SDM_NO_REGISTERS; SDM_CONFIG; the addon's errors for a block that cannot be used.
 */
export function openUioBackend(
  native: Native,
  sysfs: string,
  wanted: string,
  poolWanted: PoolConfig | undefined,
  log: Log,
  options: Pick<OpenRegistersOptions, 'checkAlignment'> = {},
): RegisterBackend {
  const { device, info } = findUio(listUio(sysfs), wanted, (each) =>
    infoOf(() => native.openRegisters(uioSource(each), { writable: false })),
  );
  const at = { device: { address: device.device }, info };
  const pool = openPool(sysfs, poolWanted, at, log);
  const source = uioSource(device);
  const lock = lockDevice(native, sysfs, device.device, log);
  try {
    const block = native.openRegisters(
      source,
      pool?.kind === 'bar' ? { ...options, windowBase: pool.base } : options,
    );
    return new BlockBackend('uio', device.device, pool, block, {
      native,
      path: source.device,
      lock,
    });
  } catch (error) {
    lock.close();
    throw error;
  }
}
