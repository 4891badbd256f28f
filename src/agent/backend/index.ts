import type { Native } from '../../native/types.js';
import type { AgentConfig, Log } from '../types.js';
import { openBarBackend } from './bar.js';
import { chooseRegisters, deviceWanted } from './choose.js';
import { openFileBackend } from './file.js';
import { openSysfsBackend } from './sysfs.js';
import type { RegisterBackend } from './types.js';
import { openUioBackend } from './uio.js';

export type { MemportFields, Pool, RegisterBackend } from './types.js';

/** Opens and locks the register block that the configuration names. @throws as the backends do. */
export function openBackend(
  native: Native,
  config: AgentConfig,
  sysfs: string,
  log: Log,
): RegisterBackend {
  const { pool, checks } = config;
  const registers = chooseRegisters(sysfs, config.registers);
  const options = { checkAlignment: checks?.alignment ?? true };
  switch (registers.backend) {
    case 'file':
      return openFileBackend(native, registers.path, pool, options);
    case 'bar':
      return openBarBackend(native, sysfs, registers, pool, log, options);
    case 'sysfs':
      return openSysfsBackend(native, sysfs, deviceWanted(registers), pool, log, options);
    case 'uio':
      return openUioBackend(native, sysfs, registers.uio, pool, log, options);
  }
}
