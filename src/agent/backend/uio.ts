import { readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { BLOCK_MAX, blockLength, hex } from '../../abi/codec.js';
import { SdmError } from '../../common/errors.js';
import type {
  Native,
  OpenRegistersOptions,
  RegisterBlockInfo,
  RegisterSource,
} from '../../native/types.js';
import { readNames, readText } from '../memory/sysfs.js';
import type { Log, PoolConfig } from '../types.js';
import { BlockBackend } from './block.js';
import { lockDevice } from './lock.js';
import { IVSHMEM_ID, listPciDevices } from './pci.js';
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
  const ivshmem = new Set(listPciDevices(sysfs, IVSHMEM_ID).map(({ address }) => address));
  return readNames(root)
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .map((name) => {
      const read = (file: string): string | undefined => readText(join(root, name, file));
      const device = linkName(join(root, name, 'device')) ?? name;
      const titles = [read('name'), read('maps/map0/name')].filter((title) => title !== undefined);
      const size = read('maps/map0/size');
      const map =
        size === undefined
          ? undefined
          : { size: BigInt(size), offset: BigInt(read('maps/map0/offset') ?? '0') };
      const known =
        ivshmem.has(device) ||
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

function linkName(path: string): string | undefined {
  try {
    return basename(readlinkSync(path));
  } catch {
    return undefined;
  }
}

/** How the addon opens it. Whether it is there, and whether a block is in it, the addon says. */
export function uioSource({ name, map }: UioDevice): Extract<RegisterSource, { device: string }> {
  return { device: `/dev/${name}`, size: Number(map?.size ?? 0n) };
}

const describe = ({ name, device, titles }: UioDevice): string =>
  `${name} (${[...new Set([device, ...titles])].join(', ')})`;

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
  const list = devices.map(describe).join(', ') || 'none';
  const details = { asked: wanted, found: devices.map(({ name }) => name) };
  if (wanted !== 'auto') {
    const device = devices.find((each) => each.name === wanted || each.device === wanted);
    const why = device === undefined ? 'it is not there' : lack(device.map);
    if (device !== undefined && why === undefined) return { device, info: identify(device) };
    throw new SdmError(
      'SDM_NO_REGISTERS',
      `registers are configured in the UIO device ${wanted}, but ${why}; UIO devices: ${list}`,
      { details },
    );
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
    `${why}; UIO devices: ${list}. Name one as registers.uio`,
    { details },
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
  const { device, info } = findUio(listUio(sysfs), wanted, (each) => {
    const block = native.openRegisters(uioSource(each), { writable: false });
    const { info } = block;
    block.close();
    return info;
  });
  const at = { device: { address: device.device }, info };
  const pool = openPool(sysfs, poolWanted, at, log);
  const source = uioSource(device);
  const lock = lockDevice(native, sysfs, device.device);
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
