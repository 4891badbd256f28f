import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { SdmError } from '../common/errors.js';
import { waitFor } from '../common/wait.js';
import type { RackLayout } from './layout.js';

/** A rack held by this process: no other `up`, `down` or `link` works on it. */
export interface RackLock {
  /** Idempotent. */
  release(): Promise<void>;
}

/** Exit code of the holder when another process has the lock. */
const TAKEN = 75;

/**
 * Holds the lock and says which file it locked, until our end of its standard input closes. Node has
 * no flock(2); a holder process has it, and the kernel drops the lock however either of us ends, so
 * a lock is never stale.
 */
const HOLDER = `
exec 9>>"$1" || exit 1
flock --nonblock 9 || exit ${TAKEN}
stat -Lc %i /proc/self/fd/9
exec cat
`;

/**
 * Takes the lock of a rack.
 * @param what the command, for the message to the next one.
 * @param timeoutMs how long to wait for another holder; default 0, do not.
 * @throws SdmError SDM_RACK_BUSY if another process holds it.
 */
export async function lockRack(layout: RackLayout, what: string, timeoutMs = 0): Promise<RackLock> {
  mkdirSync(dirname(layout.lockFile), { recursive: true, mode: 0o700 });
  try {
    return await waitFor('the lock', () => tryLock(layout, what), { timeoutMs, intervalMs: 100 });
  } catch (error) {
    if (!(error instanceof SdmError) || error.code !== 'SDM_TIMEOUT') throw error;
    const holder = readHolder(layout.lockFile);
    throw new SdmError(
      'SDM_RACK_BUSY',
      `${holder} is working on rack ${layout.name}; wait until it has ended, or stop it`,
      { details: { rack: layout.name } },
    );
  }
}

function readHolder(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim() || 'another process';
  } catch {
    return 'another process';
  }
}

async function tryLock(layout: RackLayout, what: string): Promise<RackLock | undefined> {
  const file = layout.lockFile;
  // A session of its own: Ctrl-C at the terminal must not take the lock away while we clean up.
  const holder = spawn('sh', ['-c', HOLDER, 'sdm-rack-lock', file], {
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    holder.once('error', reject);
    holder.once('exit', resolve);
  });
  const inode = await Promise.race([
    ended,
    new Promise<string>((resolve) => holder.stdout.once('data', (data) => resolve(String(data)))),
  ]);
  if (typeof inode !== 'string') {
    if (inode === TAKEN) return undefined;
    throw new SdmError(
      'SDM_RACK_STATE',
      `cannot lock ${file}: flock (package util-linux) ended with ${inode}; see that the ` +
        'directory can be written to',
    );
  }
  const release = async (): Promise<void> => {
    holder.stdin.end();
    await ended;
  };
  // The last holder may have removed the file between our open and our lock: then we hold nothing.
  if (!sameInode(file, inode.trim())) {
    await release();
    return tryLock(layout, what);
  }
  writeFileSync(file, `process ${process.pid} (sdm rack ${what})\n`);
  let released = false;
  return {
    release: async () => {
      if (released) return;
      released = true;
      // Removed while held, and only if no rack is left: nobody can be let in by the old file.
      if (!existsSync(layout.dir)) rmSync(file, { force: true });
      else writeFileSync(file, '');
      await release();
    },
  };
}

function sameInode(file: string, inode: string): boolean {
  return statSync(file, { bigint: true, throwIfNoEntry: false })?.ino === BigInt(inode);
}
