import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, type RunResult } from '../../src/common/exec.js';
import { projectDir } from '../../src/common/paths.js';
import { ensureArtifacts } from '../../src/rack/artifacts/index.js';

const KERNEL = join(projectDir(), 'kernel');
const CHECKPATCH = process.env['CHECKPATCH'];

let work: string;
let headers: string;
// Boots nothing, but needs what bricks are made of: the headers of their kernel.
beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'sdm-kernel-checks-'));
  headers = (await ensureArtifacts()).kernelHeaders;
});
afterAll(() => rmSync(work, { recursive: true }));

function make(target: string, sources = KERNEL): Promise<RunResult> {
  const out = mkdtempSync(join(work, 'out-'));
  return run(['make', '-C', sources, target, `KDIR=${headers}`, `OUT=${out}`], {
    okCodes: [0, 2],
  });
}

/** A copy of the sources with more at the end of one of them. */
function sourcesWith(code: string): string {
  const copy = mkdtempSync(join(work, 'kernel-'));
  cpSync(KERNEL, copy, { recursive: true });
  appendFileSync(join(copy, 'module/sdmc_mem/tier.c'), code);
  return copy;
}

describe('the sources of the kernel module', () => {
  it.each([
    ['the compiler', 'static int left_over(void) { return 0; }\n', 'left_over'],
    ['sparse', 'void __user *not_static;\n', 'not_static'],
  ])('would be refused for a warning of %s', async (_, code, named) => {
    const { code: exit, stdout } = await make('sparse', sourcesWith(code));
    expect(exit).toBe(2);
    expect(stdout).toMatch(new RegExp(`(warning|error):.*${named}`));
  });

  it('give no warning, of the compiler (W=1) or of sparse', async () => {
    const { code, stdout, stderr } = await make('sparse');
    expect(code, `${stdout}\n${stderr}`).toBe(0);
  });

  // checkpatch.pl is only in Debian's package of the kernel's sources, 130 MB: when it is named.
  if (CHECKPATCH) {
    it('are as checkpatch --strict wants them', async () => {
      const { code, stdout, stderr } = await make('checkpatch');
      expect(code, `${stdout}\n${stderr}`).toBe(0);
    });
  }
});
