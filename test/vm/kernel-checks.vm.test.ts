import { appendFileSync, cpSync, existsSync, mkdtempSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { run, type RunResult } from '../../src/common/exec.js';
import { projectDir } from '../../src/common/paths.js';
import { ensureArtifacts } from '../../src/rack/artifacts/index.js';
import { ensureKernelScripts } from '../../src/rack/artifacts/kernel-source.js';
import { openArtifacts } from '../../src/rack/artifacts/open.js';
import { scratchDir } from '../support/scratch.js';

const KERNEL = join(projectDir(), 'kernel');
const SPATCH = '/usr/bin/spatch';

const work = scratchDir('kernel-checks');
let headers: string;
let scripts: string;
// Boots nothing, but needs what belongs to the kernel of bricks: its headers and its scripts.
beforeAll(async () => {
  headers = (await ensureArtifacts()).kernelHeaders;
  const { context, apt, resolution } = await openArtifacts();
  scripts = await ensureKernelScripts(context, apt, resolution);
});

function make(target: string, sources = KERNEL, ...words: string[]): Promise<RunResult> {
  const out = mkdtempSync(join(work, 'out-'));
  const trees = [`KDIR=${headers}`, `KSRC=${scripts}`, `OUT=${out}`];
  return run(['make', '-C', sources, target, ...trees, ...words], { okCodes: [0, 2] });
}

/** A copy of the sources with more at the end of some of them. */
function sourcesWith(code: Readonly<Record<string, string>>): string {
  const copy = mkdtempSync(join(work, 'kernel-'));
  for (const name of ['Makefile', 'module']) {
    cpSync(join(KERNEL, name), join(copy, name), { recursive: true });
  }
  for (const [file, text] of Object.entries(code)) {
    appendFileSync(join(copy, 'module', file), text);
  }
  return copy;
}

async function expectClean(target: string): Promise<void> {
  const { code, stdout, stderr } = await make(target, KERNEL, `-j${availableParallelism()}`);
  expect(code, `${stdout}\n${stderr}`).toBe(0);
}

describe('the sources of the kernel modules', () => {
  it('would be refused for a warning of the compiler or of sparse', async () => {
    // The compiler's first: sparse ends the build.
    const sources = sourcesWith({
      'sdmc/main.c': 'static int left_over(void) { return 0; }\n',
      'sdmc/pci.c': 'void __user *not_static;\n',
    });
    const { code, stdout } = await make('sparse', sources);
    expect(code).toBe(2);
    expect(stdout).toMatch(/warning:.*left_over/);
    expect(stdout).toMatch(/error:.*not_static/);
  });

  it('give no warning, of the compiler (W=1) or of sparse', () => expectClean('sparse'));

  it.each([
    ['checkpatch', 'int  sdmc_left( int a );\n', 'space prohibited'],
    ['kernel-doc', '/**\n * sdmc_left() - do\n */\nint sdmc_left(int a);\n', "'a' not described"],
  ])('would be refused by %s', async (target, code, named) => {
    const file = 'sdmc_mem/sdmc_mem.h';
    const refused = await make(target, sourcesWith({ [file]: code }), `sources=module/${file}`);
    expect(refused.code).toBe(2);
    expect(refused.stdout + refused.stderr).toContain(named);
  });

  it.each(['checkpatch', 'kernel-doc'])('are as %s wants them', expectClean);

  // Takes 20 s of a processor, and finds what is seldom wrong.
  const soak = process.env['SDM_SOAK'] === '1';
  describe.runIf(soak)('to coccinelle', () => {
    it('would be refused', async (context) => {
      if (!existsSync(SPATCH)) context.skip('coccinelle is not installed');
      const code = 'void sdmc_left(void *p)\n{\n\tif (p)\n\t\tkfree(p);\n}\n';
      const { code: exit, stdout } = await make('coccicheck', sourcesWith({ 'sdmc/main.c': code }));
      expect(exit).toBe(2);
      expect(stdout).toContain('NULL check before some freeing functions');
    });

    it('are what they should be', async (context) => {
      if (!existsSync(SPATCH)) context.skip('coccinelle is not installed');
      await expectClean('coccicheck');
    });
  });

  it('say what is missing where a check cannot be run', async () => {
    const { code, stderr } = await run(['make', '-C', KERNEL, 'checkpatch'], { okCodes: [2] });
    expect(code).toBe(2);
    expect(stderr).toContain('unpack that of the package linux-source-6.12');
  });
});
