import type { Native, OpenRegistersOptions } from '../../native/types.js';
import type { Log, PoolConfig } from '../types.js';
import { BlockBackend } from './block.js';
import type { ChosenRegisters } from './choose.js';
import { findRegisters } from './discover.js';
import { infoOf } from './info.js';
import { barPath, IVSHMEM_BAR, IVSHMEM_ID, listPciDevices } from './pci.js';
import { openPool } from './pool.js';
import type { RegisterBackend } from './types.js';

/**
 * Registers in BAR2 of an ivshmem device, which no driver holds.
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
  const devices = listPciDevices(sysfs, IVSHMEM_ID);
  const registers = findRegisters(
    devices,
    wanted,
    (pci) => {
      const source = { pci, resource: IVSHMEM_BAR };
      return infoOf(() => native.openRegisters(source, { writable: false }));
    },
    tried,
  );
  const pool = openPool(sysfs, poolWanted, registers, log);
  const pci = registers.device.address;
  const block = native.openRegisters(
    { pci, resource: IVSHMEM_BAR },
    pool?.kind === 'bar' ? { ...options, windowBase: pool.base } : options,
  );
  return new BlockBackend('bar', pci, pool, block, { native, path: barPath(sysfs, pci) });
}
