import { execFile } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DEADLINE_MS = 60_000;

/** Compiles C sources, given from the project's root, the way a C programmer would: -O2. */
export async function compile(output: string, sources: readonly string[]): Promise<void> {
  const compiler = process.env['CC'] ?? 'cc';
  const files = sources.map((source) => path.join(ROOT, source));
  const args = ['-O2', '-std=gnu11', '-Wall', '-Wextra', '-o', output, ...files];
  await run(compiler, args, { timeout: DEADLINE_MS });
}
