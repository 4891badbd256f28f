import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll } from 'vitest';

/** A directory for the tests of one file; it goes when they have ended. */
export function scratchDir(name: string): string {
  return made(join(tmpdir(), `sdm-${name}-`));
}

/**
 * The same in memory, for what is to be the RAM of an emulated machine. A run that is interrupted
 * knows by the name what is its own, and removes it (scripts/test/leftovers.mjs).
 */
export function memoryDir(name: string): string {
  const run = basename(process.env['SDM_TEST_RUN'] ?? 'sdm-test');
  return made(`/dev/shm/${run}-${name}-`);
}

function made(prefix: string): string {
  const dir = mkdtempSync(prefix);
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
