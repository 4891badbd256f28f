import { statSync } from 'node:fs';
import { SdmError } from '../../common/errors.js';
import type { Native, OpenRegistersOptions } from '../../native/types.js';
import type { PoolConfig } from '../types.js';
import { BlockBackend } from './block.js';
import type { Pool, RegisterBackend } from './types.js';

/**
 * Registers in a plain file: a brick that is a process. The pool is a file, too, or missing.
 * @throws the addon's errors for a block that cannot be used; SDM_CONFIG for the pool.
 */
export function openFileBackend(
  native: Native,
  path: string,
  pool: PoolConfig | undefined,
  options: Pick<OpenRegistersOptions, 'checkAlignment'> = {},
): RegisterBackend {
  const found = pool === undefined ? undefined : filePool(pool);
  const block = native.openRegisters({ path }, options);
  return new BlockBackend('file', path, found, block, { native, path });
}

function filePool(config: PoolConfig): Pool {
  if (!('path' in config)) {
    throw new SdmError(
      'SDM_CONFIG',
      `pool is the PCI device ${config.pci}, but the registers are a file: give pool.path`,
    );
  }
  try {
    return { kind: 'file', path: config.path, size: BigInt(statSync(config.path).size) };
  } catch (cause) {
    throw new SdmError(
      'SDM_CONFIG',
      `pool file ${config.path} cannot be read: ${(cause as Error).message}`,
      { cause },
    );
  }
}
