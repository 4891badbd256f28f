import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasFeature } from '../../abi/codec.js';
import { SdmError } from '../../common/errors.js';
import type { Log, PoolConfig } from '../types.js';
import { findPool, type RegistersAt } from './discover.js';
import { listPciDevices } from './pci.js';
import type { Pool, RemotePool } from './types.js';

/**
 * The pool of registers that are part of a machine: the BAR of another device or, where addresses are
 * translated and none is configured, whatever the logic leads to. One that is not found is logged,
 * and the brick serves its memports without.
 * @throws SDM_CONFIG, SDM_NO_POOL if the device cannot be enabled.
 */
export function openPool(
  sysfs: string,
  wanted: PoolConfig | undefined,
  registers: RegistersAt,
  log: Log,
): Pool | undefined {
  if (wanted === undefined || poolIsOwn(registers, wanted)) {
    if (leavesWindowOpen(registers)) {
      const { address } = registers.device;
      log.warn({ registers: address }, `no pool: ${windowIsOpen(address)}`);
    }
    return remotePool(registers);
  }
  if ('path' in wanted) {
    throw new SdmError(
      'SDM_CONFIG',
      `pool is the file ${wanted.path}, but the registers are those of a device: give pool.pci`,
    );
  }
  try {
    const { device, memory } = findPool(listPciDevices(sysfs), wanted.pci, registers);
    enable(sysfs, device.address);
    return { kind: 'bar', pci: device.address, base: memory.start, size: memory.size };
  } catch (error) {
    if (!(error instanceof SdmError) || error.code !== 'SDM_NO_POOL') throw error;
    log.warn({ err: error }, `no pool: ${error.message}`);
    return undefined;
  }
}

/**
 * Whether no device is to be looked for: none is configured, or any ("auto"), and logic that translates
 * has the pool behind itself. A passive block that translates needs to be told what plays the pool.
 */
export function poolIsOwn(registers: RegistersAt, wanted: PoolConfig | undefined): boolean {
  if (wanted === undefined) return true;
  return (
    'pci' in wanted && wanted.pci === 'auto' && !registers.info.passive && translates(registers)
  );
}

/** With translation the window is the registers' own, and so is what lies behind it. */
export function remotePool(registers: RegistersAt): RemotePool | undefined {
  return translates(registers) && !leavesWindowOpen(registers)
    ? { kind: 'remote', size: registers.info.remoteSize }
    : undefined;
}

const translates = ({ info }: RegistersAt): boolean => hasFeature(info.features, 'translation');

/**
 * Whether they translate, from a window that only a pool (or whoever formats them) can give a place: at
 * 0, where they seem to have it, is this machine's own memory.
 */
export function leavesWindowOpen(registers: RegistersAt): boolean {
  const { passive, windowBase } = registers.info;
  return translates(registers) && passive && windowBase === 0n;
}

/** What to do about {@link leavesWindowOpen}. */
export function windowIsOpen(registers: string): string {
  return (
    `the registers of ${registers} translate, but leave open where their window is; name the device ` +
    'that is behind it as pool.pci, or format them with a base (--window-base)'
  );
}

/** What a pool is called: a path, a PCI address, or "remote". */
export function poolName(pool: Pool): string {
  return pool.kind === 'file' ? pool.path : pool.kind === 'bar' ? pool.pci : 'remote';
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
