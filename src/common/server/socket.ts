import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { SdmError } from '../errors.js';
import { findGroup, lookUpGroup, parseGroups } from '../groups.js';
import type { Logger } from '../log.js';
import type { FileLock, Native } from '../../native/types.js';

/** A Unix socket that lives answers a connection at once; this only bounds a machine in trouble. */
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Makes `path` this process's to listen on: creates its directory (0755), takes `<path>.lock`, which
 * says whose the path is from before the look at it until after the last answer, and removes the
 * socket that a dead daemon left.
 * @returns the lock, to be held while listening.
 * @throws SdmError SDM_RUNNING if the path is another daemon's, SDM_CONFIG if it is something else.
 */
export async function claimSocketPath(
  native: Pick<Native, 'lockFile'>,
  path: string,
  log: Logger,
): Promise<FileLock> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const lock = lockSocketPath(native, path);
  try {
    await clearSocketPath(path, log);
  } catch (error) {
    lock.close();
    throw error;
  }
  return lock;
}

function lockSocketPath(native: Pick<Native, 'lockFile'>, path: string): FileLock {
  try {
    return native.lockFile(`${path}.lock`);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'SDM_LOCKED') throw error;
    throw running(path, error);
  }
}

function running(path: string, cause?: unknown): SdmError {
  const who = cause instanceof Error ? ` (${cause.message.replace(/;.*/, '')})` : '';
  return new SdmError(
    'SDM_RUNNING',
    `a daemon already answers on ${path}${who}; stop it, or give this one another "socket"`,
    { details: { socket: path }, cause },
  );
}

async function clearSocketPath(path: string, log: Logger): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) {
    throw new SdmError(
      'SDM_CONFIG',
      `${path} is there and is not a socket; remove it, or configure another "socket"`,
      { details: { socket: path } },
    );
  }
  // Something that listens without the lock is no daemon of ours, but it lives.
  if (await isAlive(path)) throw running(path);
  unlinkSync(path);
  log.warn({ socket: path }, 'removed the socket of a daemon that is dead');
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.setTimeout(CONNECT_TIMEOUT_MS);
    const settle = (act: () => void): void => {
      socket.destroy();
      act();
    };
    socket.once('connect', () => settle(() => resolve(true)));
    // A queue that is full is somebody's, too: assume life rather than take its name away.
    socket.once('timeout', () => settle(() => resolve(true)));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      settle(() => {
        if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
        else if (error.code === 'EAGAIN') resolve(true);
        else reject(error);
      }),
    );
  });
}

/**
 * Listens; whoever may write the socket (owner and group) may command the daemon.
 * @param gid null: only the daemon's own user and group.
 */
export async function listenOnPath(
  server: Server,
  path: string,
  gid: number | null,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // The socket must never be open to more people than at the end, not even between two calls.
    const umask = process.umask(0o117);
    try {
      server.listen({ path }, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(umask);
    }
  });
  if (gid === null) return;
  chownSync(path, -1, gid);
  chmodSync(path, 0o660);
}

/**
 * Number of the group that may command the daemon; node has no call for it.
 * @param group name or number.
 * @throws SdmError SDM_CONFIG: there is none of that name.
 */
export async function socketGroupId(group: string): Promise<number> {
  if (/^[0-9]+$/.test(group)) return Number(group);
  const known = findGroup(parseGroups(readFileSync('/etc/group', 'utf8')), group);
  const gid = (known ?? (await lookUpGroup(group)))?.gid;
  if (gid !== undefined) return gid;
  throw new SdmError(
    'SDM_CONFIG',
    `there is no group "${group}", which the configuration names as "socketGroup": create it with ` +
      `"groupadd --system ${group}", or name another one`,
    { details: { key: 'socketGroup', found: group } },
  );
}
