import type { Native } from '../../native/types.js';
import type { AgentConfig, Log } from '../types.js';
import { openBarBackend } from './bar.js';
import { openFileBackend } from './file.js';
import type { RegisterBackend } from './types.js';

export type { MemportFields, Pool, RegisterBackend } from './types.js';

/** Opens and locks the register block that the configuration names. @throws as the backends do. */
export function openBackend(
  native: Native,
  config: AgentConfig,
  sysfs: string,
  log: Log,
): RegisterBackend {
  const { registers, pool, checks } = config;
  const options = { checkAlignment: checks?.alignment ?? true };
  return registers.backend === 'file'
    ? openFileBackend(native, registers.path, pool, options)
    : openBarBackend(native, sysfs, registers.pci, pool, log, options);
}
