import { existsSync } from 'node:fs';
import { SdmError } from '../../common/errors.js';
import type { Native } from '../../native/types.js';
import type { Log } from '../types.js';
import { barPath } from './pci.js';

export interface Closable {
  close(): void;
}

/**
 * Locks a device whose registers are reached through a driver, and its BAR: an agent that mapped that
 * before the driver came still has it, and holds this lock.
 * @param path the file that is the way in, if that is not locked by whoever opens it.
 * @throws SDM_BLOCK_LOCKED, SDM_SYSTEM.
 */
export function lockDevice(
  native: Pick<Native, 'lockFile'>,
  sysfs: string,
  device: string,
  log: Log,
  path?: string,
): Closable {
  const bar = barPath(sysfs, device);
  const locks: Closable[] = [];
  const close = (): void => locks.forEach((lock) => lock.close());
  try {
    if (path !== undefined) locks.push(lock(native, device, path));
    // Whoever may not open it cannot have mapped it either, nor could an agent of the same user.
    if (existsSync(bar)) locks.push(...unlessDenied(() => lock(native, device, bar), bar, log));
  } catch (error) {
    close();
    throw error;
  }
  return { close };
}

function unlessDenied(take: () => Closable, path: string, log: Log): Closable[] {
  try {
    return [take()];
  } catch (error) {
    const { errnoName } = error as { errnoName?: string };
    if (errnoName !== 'EACCES' && errnoName !== 'EPERM') throw error;
    log.debug({ err: error }, `${path} is not locked, since this user may not open it`);
    return [];
  }
}

function lock(native: Pick<Native, 'lockFile'>, device: string, path: string): Closable {
  try {
    return native.lockFile(path, { existing: true });
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'SDM_LOCKED') throw error;
    throw new SdmError(
      'SDM_BLOCK_LOCKED',
      `the registers of ${device} are owned by another agent: ${(error as Error).message}; command ` +
        'that agent through its socket',
      { cause: error },
    );
  }
}
