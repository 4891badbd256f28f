import { readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { RegistersConfig } from '../types.js';
import { listSdmc } from './sdmc.js';
import { listUio } from './uio.js';

/** A configuration that says by which way. */
export type ChosenRegisters = Exclude<RegistersConfig, { backend: 'auto' }>;

/**
 * The way that "auto" stands for on this machine now: through the driver sdmc where that has the
 * registers, else through a UIO device that looks like a register block, else straight to the BAR.
 */
export function chooseRegisters(sysfs: string, wanted: RegistersConfig): ChosenRegisters {
  if (wanted.backend !== 'auto') return wanted;
  const { pci } = wanted;
  const meant = (device: string): boolean => pci === 'auto' || device === pci;
  if (listSdmc(sysfs).some(meant)) return { backend: 'sysfs', pci };
  const likely = listUio(sysfs).filter(({ likely, device }) => likely && meant(device));
  if (likely.length > 0) {
    return { backend: 'uio', uio: likely.length === 1 ? likely[0]!.name : 'auto' };
  }
  return { backend: 'bar', pci };
}

/** The driver that is bound to a PCI device; null: none. */
export function driverOf(sysfs: string, address: string): string | null {
  try {
    return basename(readlinkSync(join(sysfs, 'bus/pci/devices', address, 'driver')));
  } catch {
    return null;
  }
}
