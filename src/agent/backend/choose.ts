import { join } from 'node:path';
import { readLinkName } from '../memory/sysfs.js';
import type { RegistersConfig } from '../types.js';
import { isPciAddress } from './pci.js';
import { listSdmc } from './sdmc.js';
import { listUio } from './uio.js';

/** A configuration that says by which way. */
export type ChosenRegisters =
  | Exclude<RegistersConfig, { backend: 'auto' | 'bar' }>
  /** `tried`: the ways before this one, and what each lacks; undefined where it was asked for. */
  | { readonly backend: 'bar'; readonly pci: string; readonly tried?: string };

/** What "auto" did not find; where a BAR is none either, it is said with it. */
const NEITHER =
  'the driver sdmc is not inserted, or bound to nothing (`modprobe sdmc`, `dmesg | grep sdmc`); ' +
  'no UIO device that can be a register block is called after memports';

/**
 * The way that "auto" stands for on this machine now: through the driver sdmc where that has the
 * registers, else through a UIO device that looks like a register block, else straight to the BAR.
 */
export function chooseRegisters(sysfs: string, wanted: RegistersConfig): ChosenRegisters {
  if (wanted.backend !== 'auto') return wanted;
  const name = deviceWanted(wanted);
  const meant = (device: string): boolean => name === 'auto' || device === name;
  const bySdmc = { ...wanted, backend: 'sysfs' } as const;
  if (listSdmc(sysfs).some(meant)) return bySdmc;
  const likely = listUio(sysfs).filter(({ likely, device }) => likely && meant(device));
  if (likely.length > 0) {
    return { backend: 'uio', uio: likely.length === 1 ? likely[0]!.name : 'auto' };
  }
  // Only a PCI device has a BAR; of any other, the driver is what is missed.
  if (name === 'auto') return { backend: 'bar', pci: name, tried: NEITHER };
  return isPciAddress(name) ? { backend: 'bar', pci: name } : bySdmc;
}

/** The device that is meant, by its name, or "auto". */
export function deviceWanted({
  pci,
  device = pci,
}: {
  readonly pci: string;
  readonly device?: string;
}): string {
  return device;
}

/** The driver that is bound to a PCI device; null: none. */
export function driverOf(sysfs: string, address: string): string | null {
  return readLinkName(join(sysfs, 'bus/pci/devices', address, 'driver')) ?? null;
}
