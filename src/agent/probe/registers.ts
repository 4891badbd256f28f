import { readlinkSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  featureNames,
  hasFeature,
  hex,
  readSnapshot,
  snapshotWords,
  statusName,
  type MemportRegisters,
} from '../../abi/codec.js';
import { SdmError } from '../../common/errors.js';
import type { Native, RegisterBlockInfo, RegisterSource } from '../../native/types.js';
import type { Device, Lack, Pool, Registers } from '../api/brick-schema.js';
import { findPool, findRegisters } from '../backend/discover.js';
import { IVSHMEM_BAR, IVSHMEM_ID, listPciDevices } from '../backend/pci.js';
import type { BackendKind, PoolConfig, RegistersConfig } from '../types.js';

/** What was found of registers and pool, and why not where they were not. */
export interface Look {
  readonly registers: Registers | null;
  readonly pool: Pool | null;
  readonly lacks: { registers?: Lack; pool?: Lack };
}

/** The only call of the addon that looking needs. */
export type Opener = Pick<Native, 'openRegisters'>;

/** Looks with no agent and no lock: blocks are mapped read-only. Never throws. */
export function lookDirectly(
  root: string,
  native: Opener,
  wanted: RegistersConfig,
  poolWanted: PoolConfig | undefined,
): Look {
  try {
    return wanted.backend === 'file'
      ? lookAtFile(native, wanted.path, poolWanted)
      : lookAtBars(root, native, wanted.pci, poolWanted);
  } catch (error) {
    return { registers: null, pool: null, lacks: { registers: lack(error) } };
  }
}

function lookAtFile(native: Opener, path: string, poolWanted: PoolConfig | undefined): Look {
  const registers = readBlock(native, { path }, 'file', path);
  if (poolWanted === undefined || !('path' in poolWanted)) {
    const message = 'no pool file is configured; name one as pool.path';
    return { registers, pool: null, lacks: { pool: { code: 'SDM_NO_POOL', message } } };
  }
  try {
    const size = hex(BigInt(statSync(poolWanted.path).size));
    return { registers, pool: { at: poolWanted.path, start: null, size }, lacks: {} };
  } catch (error) {
    return { registers, pool: null, lacks: { pool: lack(error) } };
  }
}

function lookAtBars(
  root: string,
  native: Opener,
  wanted: string,
  poolWanted: PoolConfig | undefined,
): Look {
  const devices = listPciDevices(join(root, 'sys'), IVSHMEM_ID);
  const found = findRegisters(devices, wanted, (pci) => identify(native, source(root, pci)));
  const { address } = found.device;
  const registers = (base?: bigint): Registers =>
    readBlock(native, source(root, address), 'bar', address, base);
  try {
    const pci = poolWanted !== undefined && 'pci' in poolWanted ? poolWanted.pci : 'auto';
    const { device, memory } = findPool(devices, pci, found);
    return {
      registers: registers(memory.start),
      pool: { at: device.address, start: hex(memory.start), size: hex(memory.size) },
      lacks: {},
    };
  } catch (error) {
    return { registers: registers(), pool: null, lacks: { pool: lack(error) } };
  }
}

/** Below another root there are files where the addon would look for devices. */
function source(root: string, pci: string): RegisterSource {
  if (root === '/') return { pci, resource: IVSHMEM_BAR };
  return { path: join(root, 'sys/bus/pci/devices', pci, `resource${IVSHMEM_BAR}`) };
}

function identify(native: Opener, where: RegisterSource): RegisterBlockInfo {
  const block = native.openRegisters(where, { writable: false });
  try {
    return block.info;
  } finally {
    block.close();
  }
}

function readBlock(
  native: Opener,
  where: RegisterSource,
  backend: BackendKind,
  at: string,
  windowBase?: bigint,
): Registers {
  const block = native.openRegisters(where, {
    writable: false,
    ...(windowBase === undefined ? {} : { windowBase }),
  });
  try {
    const { info } = block;
    const words = new BigUint64Array(snapshotWords(info.nports));
    block.snapshot(words);
    return {
      backend,
      at,
      features: featureNames(info.features),
      translation: hasFeature(info.features, 'translation'),
      passive: info.passive,
      nports: info.nports,
      ntransceivers: info.ntransceivers,
      windowBase: hex(info.windowBase),
      windowSize: hex(info.windowSize),
      remoteSize: hex(info.remoteSize),
      granule: hex(info.granule),
      checks: null,
      set: readSnapshot(words).memports.flatMap((memport, port) =>
        memport.set ? [view(memport, port)] : [],
      ),
    };
  } finally {
    block.close();
  }
}

function view(memport: MemportRegisters, port: number): Registers['set'][number] {
  const { start, end, remote, outId, inId, status } = memport;
  return {
    port,
    statusName: statusName(status),
    start: hex(start),
    end: hex(end),
    ...(remote === undefined ? {} : { remote: hex(remote) }),
    outId: hex(outId),
    inId: hex(inId),
  };
}

/** All devices that could be part of a brick, with the role that they turned out to have. */
export function listDevices(root: string, look: Pick<Look, 'registers' | 'pool'>): Device[] {
  const sysfs = join(root, 'sys');
  return listPciDevices(sysfs, IVSHMEM_ID).map((device) => ({
    pci: device.address,
    id: device.id,
    role:
      look.registers?.at === device.address
        ? 'registers'
        : look.pool?.at === device.address
          ? 'pool'
          : 'other',
    driver: driverOf(sysfs, device.address),
    bars: device.resources.map(({ index, start, size }) => ({
      index,
      start: hex(start),
      size: hex(size),
    })),
  }));
}

function driverOf(sysfs: string, address: string): string | null {
  try {
    return basename(readlinkSync(join(sysfs, 'bus/pci/devices', address, 'driver')));
  } catch {
    return null; // no driver is bound
  }
}

function lack(error: unknown): Lack {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof SdmError ? error.code : (error as { code?: unknown }).code;
  return { code: typeof code === 'string' ? code : 'SDM_INTERNAL', message };
}
