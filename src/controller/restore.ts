import { chmod, chown, copyFile, link, open, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { SdmError } from '../common/errors.js';
import type { Logger } from '../common/log.js';
import { EPOCH_KEY, NEXT_KEY, NETWORKS } from './platforms/keys.js';
import { claimDatabase, restoringName, syncDirectory } from './store/files.js';
import { openStore, type Put, type Store } from './store/index.js';
import { DATABASE } from './store/place.js';
import { StoreThread } from './store/thread.js';

/** Terms and ids that a controller may have come to after the backup: far more than there ever are. */
export const BUMP = 1 << 20;
/** Of network numbers: so that no memory brick gets one that another has had since. */
export const NETWORK_BUMP = 1 << 16;
/** In the place of a brick's id: its number is above all that were given before a restore. */
const RESTORED = '(restored)';

export interface Restored {
  readonly store: string;
  /** Of the next start, at least. */
  readonly epoch: string;
  readonly nextPlatform: number;
  /** Where the database is that was there; undefined: there was none. */
  readonly before?: string;
}

/**
 * Puts a backup in the place of a controller's database. Terms and ids begin again far above those of the
 * backup: agents and lenders have heard of later ones, and may have attachments that bear later ids.
 * @param directory of the store. No controller may be running on it.
 * @throws SDM_INPUT (no such file), SDM_LOCKED (a controller runs), SDM_STORE_CORRUPT, SDM_STORE_NEWER: the
 *   database that was there is as it was.
 */
export async function restoreBackup(
  file: string,
  directory: string,
  log: Logger,
): Promise<Restored> {
  const source = resolve(file);
  const path = join(resolve(directory), DATABASE);
  await refuseSource(source, path);
  const lock = await claimDatabase(path, { finishing: true });
  try {
    const draft = `${path}.draft`;
    await removeDraft(draft);
    try {
      await copyFile(source, draft);
      await chmod(draft, 0o600);
      const ids = await goOnAbove(draft, log);
      await checkAll(draft);
      await ownAs(dirname(path), [draft, path, `${path}.lock`]);
      const before = await replaceDatabase(path, draft);
      return { store: path, ...ids, ...(before === undefined ? {} : { before }) };
    } finally {
      await removeDraft(draft);
    }
  } finally {
    lock.close();
  }
}

async function refuseSource(source: string, path: string): Promise<void> {
  const [given, ours] = await Promise.all(
    [source, path].map((each) => stat(each).catch(() => undefined)),
  );
  const refuse = (why: string): never => {
    throw new SdmError('SDM_INPUT', `${source} ${why}`, { details: { path: source } });
  };
  if (given?.isFile() !== true) refuse('is no file: name a backup');
  if (given!.size === 0) refuse('is empty, so it is no backup');
  if (given!.dev === ours?.dev && given!.ino === ours.ino) {
    refuse('is the database itself; name a backup');
  }
}

/** Raises what must never come again; durable when it resolves. @throws as openStore. */
async function goOnAbove(
  draft: string,
  log: Logger,
): Promise<Pick<Restored, 'epoch' | 'nextPlatform'>> {
  const store = await openStore({ path: draft, log });
  try {
    const epoch = BigInt((await valueOf<string>(store, EPOCH_KEY)) ?? '0x0') + BigInt(BUMP);
    const nextPlatform = ((await valueOf<number>(store, NEXT_KEY)) ?? 1) + BUMP;
    const numbers = (await store.range(NETWORKS)).map(({ value }) => Number(value));
    const network = Math.max(0, ...numbers) + NETWORK_BUMP;
    const put: Put[] = [
      { key: EPOCH_KEY, value: JSON.stringify(`0x${epoch.toString(16)}`) },
      { key: NEXT_KEY, value: String(nextPlatform) },
      { key: `${NETWORKS}${RESTORED}`, value: String(network) },
    ];
    await store.commit({ put });
    return { epoch: `0x${(epoch + 1n).toString(16)}`, nextPlatform };
  } finally {
    await store.close();
  }
}

/** A file may have lost something wherever it was kept. @throws SDM_STORE_CORRUPT. */
async function checkAll(draft: string): Promise<void> {
  const checker = new StoreThread({ job: 'check', path: draft });
  await checker.opened();
  await checker.ended();
}

async function valueOf<T>(store: Store, key: string): Promise<T | undefined> {
  const entry = (await store.range(key)).find((each) => each.key === key);
  return entry === undefined ? undefined : (JSON.parse(entry.value) as T);
}

/** A service that is not root has to read what root restores. */
async function ownAs(directory: string, paths: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(directory);
  for (const each of paths) await chown(each, uid, gid);
}

/**
 * In steps of which each leaves what can be gone on from: between them no controller starts.
 * @returns where the one that was there is now.
 */
async function replaceDatabase(path: string, draft: string): Promise<string | undefined> {
  const next = restoringName(path);
  await syncFile(draft);
  await rename(draft, next);
  await syncDirectory(dirname(path));
  const before = `${path}.before-${new Date().toISOString().replaceAll(/[-:]|\..*/g, '')}`;
  const kept = (await stat(path)).size > 0;
  if (kept) {
    await link(path, before);
    await linkIfThere(`${path}-wal`, `${before}-wal`);
    await syncDirectory(dirname(path));
  }
  // a WAL beside another database would be taken for that one's
  for (const end of ['-wal', '-shm', '-journal']) await rm(path + end, { force: true });
  await syncDirectory(dirname(path));
  await rename(next, path);
  await syncDirectory(dirname(path));
  return kept ? before : undefined;
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  await file.sync().finally(() => file.close());
}

async function linkIfThere(from: string, to: string): Promise<void> {
  await link(from, to).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

async function removeDraft(draft: string): Promise<void> {
  for (const end of ['', '-wal', '-shm', '-journal', '.lock']) {
    await unlink(draft + end).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
}
