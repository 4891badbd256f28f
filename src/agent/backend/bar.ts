import type { Native, OpenRegistersOptions } from '../../native/types.js';
import type { Log, PoolConfig } from '../types.js';
import { BlockBackend } from './block.js';
import type { ChosenRegisters } from './choose.js';
import { findRegisters } from './discover.js';
import { infoOf } from './info.js';
import { barPath, listPciDevices, registersBar } from './pci.js';
import { openPool } from './pool.js';
import type { RegisterBackend } from './types.js';

/**
 * Registers in a BAR of a PCI device, which no driver holds.
 * @throws SDM_NO_REGISTERS; SDM_CONFIG; the addon's errors for a block that cannot be used.
 */
export function openBarBackend(
  native: Native,
  sysfs: string,
  { pci: wanted, tried }: Extract<ChosenRegisters, { backend: 'bar' }>,
  poolWanted: PoolConfig | undefined,
  log: Log,
  options: Pick<OpenRegistersOptions, 'checkAlignment'> = {},
): RegisterBackend {
  const sourceOf = (pci: string) => ({ pci, resource: registersBar(sysfs, pci) });
  const registers = findRegisters(
    listPciDevices(sysfs),
    wanted,
    (pci) => infoOf(() => native.openRegisters(sourceOf(pci), { writable: false })),
    tried,
  );
  const pool = openPool(sysfs, poolWanted, registers, log);
  const pci = registers.device.address;
  const block = native.openRegisters(
    sourceOf(pci),
    pool?.kind === 'bar' ? { ...options, windowBase: pool.base } : options,
  );
  return new BlockBackend('bar', pci, pool, block, { native, path: barPath(sysfs, pci) });
}
