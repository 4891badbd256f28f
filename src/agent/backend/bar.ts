import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SdmError } from '../../common/errors.js';
import type { Native, OpenRegistersOptions } from '../../native/types.js';
import type { Log, PoolConfig } from '../types.js';
import { BlockBackend } from './block.js';
import { findPool, findRegisters } from './discover.js';
import { IVSHMEM_BAR, IVSHMEM_ID, listPciDevices, type PciDevice } from './pci.js';
import type { Pool, RegisterBackend } from './types.js';

/**
 * Registers in BAR2 of an ivshmem device, the pool in that of another one. A pool that is not found
 * is logged, and the brick serves its memports without one.
 * @throws SDM_NO_REGISTERS; SDM_CONFIG; the addon's errors for a block that cannot be used.
 */
export function openBarBackend(
  native: Native,
  sysfs: string,
  wanted: string,
  pool: PoolConfig | undefined,
  log: Log,
  options: Pick<OpenRegistersOptions, 'checkAlignment'> = {},
): RegisterBackend {
  if (pool !== undefined && 'path' in pool) {
    throw new SdmError(
      'SDM_CONFIG',
      `pool is the file ${pool.path}, but the registers are in a BAR: give pool.pci`,
    );
  }
  const devices = listPciDevices(sysfs, IVSHMEM_ID);
  const registers = findRegisters(devices, wanted, (pci) => {
    const block = native.openRegisters({ pci, resource: IVSHMEM_BAR }, { writable: false });
    const { info } = block;
    block.close();
    return info;
  });
  const found = pool === undefined ? undefined : openPool(sysfs, devices, pool.pci, registers, log);
  const pci = registers.device.address;
  const block = native.openRegisters(
    { pci, resource: IVSHMEM_BAR },
    found === undefined ? options : { ...options, windowBase: found.base },
  );
  return new BlockBackend('bar', pci, found, block);
}

type BarPool = Extract<Pool, { kind: 'bar' }>;

function openPool(
  sysfs: string,
  devices: readonly PciDevice[],
  wanted: string,
  registers: Parameters<typeof findPool>[2],
  log: Log,
): BarPool | undefined {
  try {
    const { device, memory } = findPool(devices, wanted, registers);
    enable(sysfs, device.address);
    return { kind: 'bar', pci: device.address, base: memory.start, size: memory.size };
  } catch (error) {
    if (!(error instanceof SdmError) || error.code !== 'SDM_NO_POOL') throw error;
    log.warn({ err: error }, `no pool: ${error.message}`);
    return undefined;
  }
}

/** Lets the device decode its BARs. Counted by the kernel, so only where it is off. */
function enable(sysfs: string, address: string): void {
  const path = join(sysfs, 'bus/pci/devices', address, 'enable');
  if (readFileSync(path, 'utf8').trim() !== '0') return;
  try {
    writeFileSync(path, '1');
  } catch (cause) {
    throw new SdmError(
      'SDM_NO_POOL',
      `the pool device ${address} cannot be enabled: ${(cause as Error).message}; ` +
        'run the agent as root, or unbind the driver that holds it',
      { cause },
    );
  }
}
