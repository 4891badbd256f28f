import { existsSync, readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import type { Context } from './context.js';

/** What of Debian is used: settled once a day, so that all runs of it agree. */
export interface Settled<T> {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly architecture: string;
  readonly resolution: T;
}

export interface Settling<T> {
  /** Where it is written down. */
  readonly file: string;
  readonly architecture: string;
  /** Is all of it in the cache? */
  readonly has: (resolution: T) => boolean;
  /** Goes to the network; what it returns is in the cache. */
  readonly settle: () => Promise<T>;
  /** What it is, for the note that an old one is used: "kernel 6.12.117". */
  readonly nameOf: (resolution: T) => string;
}

const MAX_AGE_MS = 24 * 3_600_000;

/**
 * What was settled within a day, else what is settled now. Where that fails, as without a network,
 * the last one is taken as long as it is in the cache, with a note.
 */
export async function settled<T>(context: Context, settling: Settling<T>): Promise<T> {
  const { file, architecture, has, settle, nameOf } = settling;
  const found = existsSync(file) ? readSettled<T>(file) : undefined;
  const last = found?.architecture === architecture ? found : undefined;
  const usable = last !== undefined && has(last.resolution);
  if (usable && Date.now() - last.at < MAX_AGE_MS) return last.resolution;
  try {
    const resolution = await settle();
    const now: Settled<T> = { at: Date.now(), architecture, resolution };
    await writeFile(`${file}.${process.pid}`, JSON.stringify(now));
    await rename(`${file}.${process.pid}`, file);
    return resolution;
  } catch (error) {
    context.signal?.throwIfAborted();
    if (!last || !has(last.resolution)) throw error;
    const age = Math.round((Date.now() - last.at) / 3_600_000);
    context.progress.note(
      `Debian's archive could not be used; going on with what the cache has ` +
        `(${nameOf(last.resolution)}, settled ${age} h ago).`,
    );
    context.progress.trace(String(error));
    return last.resolution;
  }
}

export function readSettled<T>(file: string): Settled<T> {
  return JSON.parse(readFileSync(file, 'utf8')) as Settled<T>;
}
