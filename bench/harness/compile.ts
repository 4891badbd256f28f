import path from 'node:path';
import { run } from '../../src/common/exec.js';
import { projectDir } from '../../src/common/paths.js';

/**
 * Compiles C sources, given from the project's root, the way a C programmer would: -O2.
 * @throws SDM_COMMAND with what the compiler said.
 */
export async function compile(
  output: string,
  sources: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const files = sources.map((source) => path.join(projectDir(), source));
  const flags = ['-O2', '-std=gnu11', '-Wall', '-Wextra'];
  await run([process.env['CC'] ?? 'cc', ...flags, '-o', output, ...files], {
    signal,
    hint: 'A C compiler comes with the package build-essential; CC names another one.',
  });
}
