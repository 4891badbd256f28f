import { join } from 'node:path';
import { build } from 'esbuild';
import { expect } from 'vitest';
import { projectDir } from '../../src/common/paths.js';
import type { Rack } from '../../src/rack/index.js';
import { COMMAND_MS } from './rack.js';

const ROOT = projectDir();
/** For what is CommonJS in it. */
const REQUIRE =
  "import { createRequire as make } from 'node:module'; const require = make(import.meta.url);";

/**
 * The contract of register backends as one file for node, which runs it without vitest. It finds the
 * addon by $SDM_NATIVE, and the way that it is to try by $SDM_CONTRACT.
 */
export async function contractBundle(): Promise<Buffer> {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, 'test/agent/backend/contract.test.ts')],
    alias: { vitest: join(ROOT, 'test/support/small-vitest.ts') },
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    banner: { js: REQUIRE },
  });
  return Buffer.from(outputFiles[0]!.contents);
}

/** Runs that file in a brick, where it is at `program`: each of its tests must pass by way of `kind`. */
export async function expectContract(
  rack: Rack,
  n: number,
  program: string,
  kind: string,
): Promise<void> {
  const { stdout } = await rack.exec(
    n,
    `SDM_CONTRACT=${kind} SDM_NATIVE=/opt/sdm/build/Release/sdm_native.node node ${program}`,
    { timeoutMs: COMMAND_MS },
  );
  const lines = stdout.split('\n').filter((line) => /^(not )?ok /.test(line));
  const ours = lines.filter((line) => line.includes(`backend ${kind}: `));
  expect(ours.length, stdout).toBeGreaterThan(5);
  expect(
    lines.filter((line) => line.startsWith('not')),
    stdout,
  ).toEqual([]);
  expect(stdout).toMatch(new RegExp(`^1\\.\\.${lines.length}$`, 'm'));
}
