import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface Scratch {
  /** On tmpfs, as a rack's registers and pool are. */
  readonly memory: string;
  /** For programs: /dev/shm may be mounted noexec. */
  readonly programs: string;
  remove(): void;
}

/** Directories of this process; remove() takes them away with all that is in them. */
export function makeScratch(): Scratch {
  const prefix = `sdm-bench-${process.pid}-`;
  const memory = mkdtempSync(path.join('/dev/shm', prefix));
  const programs = mkdtempSync(path.join(tmpdir(), prefix));
  return {
    memory,
    programs,
    remove: () => {
      for (const made of [memory, programs]) rmSync(made, { recursive: true, force: true });
    },
  };
}
