import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { SdmError } from './errors.js';

/** Whoever wants a thing that another process is making waits this long for it. */
const LOCK_TIMEOUT_MS = 15 * 60_000;
/** How many entries of a kind stay: the one in use and the one before it. */
const KEEP = 2;
/** Younger entries stay whatever their number: another process may be about to use one. */
const KEEP_YOUNGER_MS = 60 * 60_000;

/** A SHA-256 over parts, each with its length, so that no two lists of parts run together. */
export function hashOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    hash.update(`${Buffer.byteLength(part)}:`).update(part);
  }
  return hash.digest('hex').slice(0, 32);
}

/**
 * The hash of files and of directories with all that is in them: names and contents.
 * @param wanted which files of directories count; by default all.
 */
export function hashFiles(
  base: string,
  paths: readonly string[],
  wanted: (path: string) => boolean = () => true,
): string {
  const parts: (string | Uint8Array)[] = [];
  const add = (path: string): void => {
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) add(join(path, name));
    } else if (wanted(path)) {
      parts.push(relative(base, path), readFileSync(path));
    }
  };
  for (const path of paths) add(join(base, path));
  return hashOf(...parts);
}

/**
 * Runs `work` while this process alone holds the lock file. The kernel holds the lock for a child
 * (`flock` of util-linux), so that it is free again whatever becomes of this process.
 * @throws SdmError SDM_TIMEOUT: another process held it past the deadline.
 */
export async function withLock<T>(
  file: string,
  what: string,
  work: () => Promise<T>,
  {
    timeoutMs = LOCK_TIMEOUT_MS,
    signal,
  }: { timeoutMs?: number; signal?: AbortSignal | undefined } = {},
): Promise<T> {
  signal?.throwIfAborted();
  const seconds = String(Math.max(0, timeoutMs / 1000));
  const holder = spawn(
    'flock',
    ['-w', seconds, '-E', '75', file, 'sh', '-c', 'echo held; exec cat'],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
      // Ctrl-C reaches this process first, which lets go in its own order.
      detached: true,
    },
  );
  const ended = new Promise<void>((resolve) => holder.once('close', () => resolve()));
  const abort = (): void => void holder.kill('SIGKILL');
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      holder.once('error', reject);
      holder.stdout.once('data', () => resolve());
      holder.once('close', (code) => {
        reject(
          signal?.aborted
            ? (signal.reason as Error)
            : code === 75
              ? new SdmError(
                  'SDM_TIMEOUT',
                  `Waited ${seconds} s for ${what}, which another process is making (it holds ` +
                    `${file}). See with "fuser ${file}" which it is; try again when it has ended.`,
                )
              : new SdmError('SDM_COMMAND', `flock ${file} ended with ${code}.`),
        );
      });
    });
    return await work();
  } finally {
    signal?.removeEventListener('abort', abort);
    holder.stdin.end();
    await ended;
  }
}

export interface CacheEntry {
  /** The root of the cache, e.g. from cacheDir(). */
  readonly cache: string;
  /** A word for the sort of thing; entries of a kind are pruned together. */
  readonly kind: string;
  /** The hash of everything that goes in. */
  readonly key: string;
  readonly signal?: AbortSignal | undefined;
  /** How long to wait for another process that makes one of this kind; default 15 minutes. */
  readonly lockTimeoutMs?: number | undefined;
  /** Makes the thing in an empty directory. Whatever it leaves there is the entry. */
  readonly make: (dir: string) => Promise<void>;
}

/**
 * The directory of a cache entry, made first if it is not there. It appears whole or not at all;
 * processes that want the same one at once wait for the first of them.
 */
export async function cached(entry: CacheEntry): Promise<string> {
  const { cache, kind, key, signal, lockTimeoutMs, make } = entry;
  const parent = join(cache, kind);
  const dir = join(parent, key);
  if (existsSync(dir)) {
    await touch(dir);
    return dir;
  }
  mkdirSync(parent, { recursive: true });
  return withLock(
    join(cache, `${kind}.lock`),
    `${kind} in the cache`,
    async () => {
      if (existsSync(dir)) return dir;
      // Nobody else is at work here: what is left over is of a process that died.
      for (const name of await readdir(parent)) {
        if (name.startsWith('tmp-')) await removeTree(join(parent, name));
      }
      const temporary = join(parent, `tmp-${key}`);
      await mkdir(temporary);
      try {
        await make(temporary);
        signal?.throwIfAborted();
        await rename(temporary, dir);
      } catch (error) {
        await removeTree(temporary);
        throw error;
      }
      await prune(parent, key);
      return dir;
    },
    { signal, ...(lockTimeoutMs !== undefined && { timeoutMs: lockTimeoutMs }) },
  );
}

/** Marks an entry as used now: pruning takes the ones that were not used for longest. */
async function touch(dir: string): Promise<void> {
  const now = new Date();
  await utimes(dir, now, now).catch(() => {
    // A cache of another user, or one that is read-only, is still good to read.
  });
}

async function prune(parent: string, keep: string): Promise<void> {
  const entries = await Promise.all(
    (await readdir(parent))
      .filter((name) => name !== keep && !name.startsWith('tmp-'))
      .map(async (name) => ({ name, used: (await stat(join(parent, name))).mtimeMs })),
  );
  entries.sort((a, b) => b.used - a.used);
  for (const entry of entries.slice(KEEP - 1)) {
    if (Date.now() - entry.used > KEEP_YOUNGER_MS) await removeTree(join(parent, entry.name));
  }
}

async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}
