import { chmod, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
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

/**
 * Makes the file of a database, for its owner alone, before SQLite does (which asks the umask), and
 * takes its lock: one controller per database.
 * @throws SDM_LOCKED with the process that holds it.
 */
export async function claimDatabase(path: string): Promise<FileLock> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const lock = native.lockFile(`${path}.lock`);
  try {
    await (await open(path, 'a', 0o600)).close();
    await chmod(path, 0o600);
    await syncDirectory(dirname(path));
    return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
}

/**
 * Lets `write` make a file, and gives it its name when it is whole and durable; takes it away if that
 * fails. The file is for its owner alone.
 */
export async function replaceFile(
  path: string,
  write: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.${Date.now()}`);
  try {
    // Not there before: nobody has laid a link there for us to follow.
    await (await open(temporary, 'wx', 0o600)).close();
    await write(temporary);
    const file = await open(temporary, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await Promise.all(
      ['', '-wal', '-shm', '-journal'].map((end) => rm(temporary + end, { force: true })),
    );
    throw error;
  }
}
