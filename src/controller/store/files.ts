import { chmod, link, lstat, mkdir, open, rm, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SdmError } from '../../common/errors.js';
import { native } from '../../native/index.js';
import type { FileLock } from '../../native/types.js';

/** Makes what a directory names durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** What a restore puts in a database's place, from when it is whole until it is there. */
export const restoringName = (path: string): string => `${path}.restoring`;

/** As often as a directory may have to be made again, since somebody takes its parents away. */
const ATTEMPTS = 3;

/**
 * Makes a directory and what is missing above it, for their owner alone. Not by Node's own `recursive`:
 * where a directory is there and nothing can be made in it (/proc), that one tries for ever.
 */
async function makeDirectory(path: string, attempts = ATTEMPTS): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const above = dirname(path);
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (code !== 'ENOENT' || attempts === 0 || above === path) throw error;
    await makeDirectory(above);
    await makeDirectory(path, attempts - 1);
  }
}

/** Why a database has no place there, in words. */
function noPlace(directory: string, cause: unknown): SdmError {
  const { code = '', message } = cause as NodeJS.ErrnoException;
  const why: Readonly<Record<string, string>> = {
    EEXIST: 'it is a file; name a directory',
    ENOTDIR: 'a part of that path is a file; name a directory',
    ENOENT: 'nothing can be made there; name another directory',
    EACCES: 'this user may not write there; name another directory, or give it to this user',
    EPERM: 'this user may not write there; name another directory, or give it to this user',
    EROFS: 'its file system is read-only; name another directory',
    ENOSPC: 'its file system is full',
  };
  const text = `the store cannot be in ${directory}: ${why[code] ?? message}`;
  return new SdmError('SDM_CONFIG', text, { details: { directory, errno: code }, cause });
}

/**
 * Makes the file of a database, for its owner alone, before SQLite does (which asks the umask), and
 * takes its lock: one controller per database.
 * @param finishing for who restores a backup.
 * @throws SDM_LOCKED with the process that holds it; SDM_STORE_CORRUPT if a restore was cut short;
 *   SDM_CONFIG where nothing can be made there.
 */
export async function claimDatabase(path: string, { finishing = false } = {}): Promise<FileLock> {
  await makeDirectory(dirname(path)).catch((error: unknown) => {
    throw noPlace(dirname(path), error);
  });
  const lock = lockOf(`${path}.lock`);
  try {
    if (!finishing) await refuseHalfRestored(path);
    await (await open(path, 'a', 0o600)).close();
    await chmod(path, 0o600);
    await syncDirectory(dirname(path));
    return lock;
  } catch (error) {
    lock.close();
    throw error instanceof SdmError ? error : noPlace(dirname(path), error);
  }
}

/** The addon's errors are none of ours, but have our codes. */
function lockOf(path: string): FileLock {
  try {
    return native.lockFile(path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code !== 'SDM_LOCKED') throw noPlace(dirname(path), cause);
    throw new SdmError(code, message, { details: { path }, cause });
  }
}

async function refuseHalfRestored(path: string): Promise<void> {
  const restoring = restoringName(path);
  if ((await lstat(restoring).catch(() => undefined)) === undefined) return;
  throw new SdmError(
    'SDM_STORE_CORRUPT',
    `${path}: the restore of a backup was cut short; do it again: sdm-controller restore`,
    { details: { path, restoring } },
  );
}

/**
 * Lets `write` make a file, and gives it its name when it is whole and durable; takes it away if that
 * fails. The file is for its owner alone. What has that name already stays as it is.
 * @throws SDM_CONFLICT if there is something of that name, SDM_INPUT if nothing can be made there.
 */
export async function makeFile(
  path: string,
  write: (temporary: string) => Promise<void>,
): Promise<void> {
  const directory = dirname(path);
  const temporary = join(directory, `.${basename(path)}.${process.pid}.${Date.now()}`);
  await refuseTaken(path);
  // Not there before: nobody has laid a link there for us to follow.
  await (await open(temporary, 'wx', 0o600).catch((error: unknown) => cannot(path, error))).close();
  try {
    await write(temporary);
    const file = await open(temporary, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    // rename() would replace what came there meanwhile
    await link(temporary, path).catch((error: unknown) => cannot(path, error));
    await unlink(temporary);
    await syncDirectory(directory);
  } catch (error) {
    await Promise.all(
      ['', '-wal', '-shm', '-journal'].map((end) => rm(temporary + end, { force: true })),
    );
    throw error;
  }
}

/** Names at which a database finds what is its own, whether they are there now or not. @throws SDM_INPUT. */
export async function refuseBeside(database: string, path: string): Promise<void> {
  if (!basename(path).startsWith(basename(database))) return;
  const [ours, theirs] = await Promise.all(
    [database, path].map((each) => stat(dirname(each)).catch(() => undefined)),
  );
  if (ours === undefined || ours.dev !== theirs?.dev || ours.ino !== theirs.ino) return;
  throw new SdmError('SDM_INPUT', `${path} is a name of the store itself; name another file`, {
    details: { path },
  });
}

async function refuseTaken(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined); // why not, the attempt to make it says
  if (found !== undefined) throw taken(path);
}

function taken(path: string): SdmError {
  return new SdmError('SDM_CONFLICT', `${path} is there already, and stays; name a new file`, {
    details: { path },
  });
}

/** Why no file can be made, in words. @throws always. */
function cannot(path: string, cause: unknown): never {
  const { code = '', message } = cause as NodeJS.ErrnoException;
  if (code === 'EEXIST') throw taken(path);
  const directory = dirname(path);
  const why: Readonly<Record<string, string>> = {
    ENOENT: `there is no directory ${directory}; make it first`,
    ENOTDIR: `${directory} is no directory`,
    EACCES: `this daemon may not write to ${directory}`,
    EPERM: `this daemon may not make files in ${directory}, or its file system knows no links`,
    EROFS: `${directory} is read-only for this daemon`,
    ENAMETOOLONG: 'the name is too long',
    EISDIR: 'it is a directory',
  };
  const reason = why[code];
  throw reason === undefined
    ? new SdmError('SDM_SYSTEM', `${path} cannot be made: ${message}`, { details: { path }, cause })
    : new SdmError('SDM_INPUT', `${path} cannot be made: ${reason}`, { details: { path }, cause });
}
