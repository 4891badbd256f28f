import { statSync } from 'node:fs';
import { join } from 'node:path';
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
import type { Device, Lack, Pool, Registers } from '../api/brick-schema.js';
import { deviceWanted, driverOf, type ChosenRegisters } from '../backend/choose.js';
import { findPool, findRegisters, type RegistersAt } from '../backend/discover.js';
import { infoOf } from '../backend/info.js';
import { openToRead, uioBelow, type BlockAt, type Opener } from '../backend/look.js';
import { listPciDevices } from '../backend/pci.js';
import { leavesWindowOpen, poolIsOwn, remotePool, windowIsOpen } from '../backend/pool.js';
import { findSdmc, SdmcFiles } from '../backend/sdmc.js';
import { findUio, listUio } from '../backend/uio.js';
import type { PoolConfig } from '../types.js';

/** What was found of registers and pool, and why not where they were not. */
export interface Look {
  readonly registers: Registers | null;
  readonly pool: Pool | null;
  readonly lacks: { registers?: Lack; pool?: Lack };
}

/**
 * Looks with no agent and no lock: blocks are read, and no more. Never throws.
 * @param wanted with the way chosen.
 */
export function lookDirectly(
  root: string,
  native: Opener,
  wanted: ChosenRegisters,
  poolWanted: PoolConfig | undefined,
): Look {
  try {
    return wanted.backend === 'file'
      ? lookAtFile(root, native, wanted.path, poolWanted)
      : lookAtDevice(root, native, wanted, poolWanted);
  } catch (error) {
    return { registers: null, pool: null, lacks: { registers: lack(error) } };
  }
}

function lookAtFile(
  root: string,
  native: Opener,
  path: string,
  poolWanted: PoolConfig | undefined,
): Look {
  const registers = readBlock(root, native, { backend: 'file', at: path });
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

function lookAtDevice(
  root: string,
  native: Opener,
  wanted: Exclude<ChosenRegisters, { backend: 'file' }>,
  poolWanted: PoolConfig | undefined,
): Look {
  const found = findDevice(root, native, wanted);
  const block = { backend: wanted.backend, at: found.device.address };
  const remote = poolIsOwn(found, poolWanted) ? remotePool(found) : undefined;
  if (remote !== undefined) {
    const pool = { at: 'remote', start: null, size: hex(remote.size) };
    return { registers: readBlock(root, native, block), pool, lacks: {} };
  }
  if (poolWanted === undefined && leavesWindowOpen(found)) {
    const message = windowIsOpen(block.at);
    const registers = readBlock(root, native, block);
    return { registers, pool: null, lacks: { pool: { code: 'SDM_NO_POOL', message } } };
  }
  try {
    const pci = poolWanted !== undefined && 'pci' in poolWanted ? poolWanted.pci : 'auto';
    const devices = listPciDevices(join(root, 'sys'));
    const { device, memory } = findPool(devices, pci, found);
    return {
      registers: readBlock(root, native, block, memory.start),
      pool: { at: device.address, start: hex(memory.start), size: hex(memory.size) },
      lacks: {},
    };
  } catch (error) {
    const registers = readBlock(root, native, block);
    return { registers, pool: null, lacks: { pool: lack(error) } };
  }
}

/** The device that carries the registers, and what they say. */
function findDevice(
  root: string,
  native: Opener,
  wanted: Exclude<ChosenRegisters, { backend: 'file' }>,
): RegistersAt {
  const sysfs = join(root, 'sys');
  switch (wanted.backend) {
    case 'sysfs': {
      const address = findSdmc(sysfs, deviceWanted(wanted));
      return { device: { address }, info: infoOf(() => new SdmcFiles(sysfs, address)) };
    }
    case 'uio': {
      const { device, info } = findUio(listUio(sysfs), wanted.uio, (each) =>
        infoOf(() => native.openRegisters(uioBelow(root, each), { writable: false })),
      );
      return { device: { address: device.device }, info };
    }
    case 'bar':
      return findRegisters(
        listPciDevices(sysfs),
        wanted.pci,
        (at) => infoOf(() => openToRead(root, native, { backend: 'bar', at })),
        wanted.tried,
      );
  }
}

function readBlock(root: string, native: Opener, at: BlockAt, windowBase?: bigint): Registers {
  const block = openToRead(root, native, at, windowBase);
  try {
    const { info } = block;
    const words = new BigUint64Array(snapshotWords(info.nports));
    block.snapshot(words);
    return {
      ...at,
      features: featureNames(info.features),
      translation: hasFeature(info.features, 'translation'),
      isolation: isolates(hasFeature(info.features, 'translation'), info.passive),
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

/** Only logic keeps a brick from what its memports do not map. */
export function isolates(translation: boolean, passive: boolean): boolean {
  return translation && !passive;
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
  return listPciDevices(sysfs).map((device) => ({
    pci: device.address,
    id: device.kind.id,
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

function lack(error: unknown): Lack {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof SdmError ? error.code : (error as { code?: unknown }).code;
  return { code: typeof code === 'string' ? code : 'SDM_INTERNAL', message };
}
