import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../src/common/exec.js';
import { projectDir } from '../../src/common/paths.js';
import type { CpioEntry } from '../../src/rack/artifacts/index.js';

/** What the kernel modules' own tests are made of. */
export const KERNEL_TESTS = join(projectDir(), 'kernel/tests');

/** Compiles a program of theirs, or of `sources`, for guests, into a directory. @returns its path. */
export async function compileForGuest(
  name: string,
  dir: string,
  sources: string = KERNEL_TESTS,
): Promise<string> {
  const program = join(dir, name);
  await run([
    ...(['aarch64-linux-gnu-gcc', '-O2', '-Wall', '-Wextra', '-Werror', '-static'] as const),
    ...['-o', program, join(sources, `${name}.c`)],
  ]);
  return program;
}

/** A file of the host as a program of a guest. */
export function guestProgram(to: string, path: string): CpioEntry & { readonly data: Buffer } {
  return { path: to, mode: 0o755, data: readFileSync(path) };
}
