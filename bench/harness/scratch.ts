import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { cacheDir } from '../../src/common/paths.js';

export interface Scratch {
  /** On tmpfs, as a rack's registers and pool are. */
  readonly memory: string;
  /** For programs: /dev/shm may be mounted noexec. */
  readonly programs: string;
  /** On a disk, where a journal would lie; /tmp may be tmpfs. */
  readonly disk: string;
  remove(): void;
}

/** Directories of this process; remove() takes them away with all that is in them. */
export function makeScratch(): Scratch {
  const prefix = `sdm-bench-${process.pid}-`;
  mkdirSync(cacheDir(), { recursive: true });
  const [memory, programs, disk] = ['/dev/shm', tmpdir(), cacheDir()].map((base) =>
    mkdtempSync(path.join(base, prefix)),
  ) as [string, string, string];
  return {
    memory,
    programs,
    disk,
    remove: () => {
      for (const made of [memory, programs, disk]) rmSync(made, { recursive: true, force: true });
    },
  };
}
