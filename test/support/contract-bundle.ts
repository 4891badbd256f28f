import { join } from 'node:path';
import { build } from 'esbuild';
import { projectDir } from '../../src/common/paths.js';

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
