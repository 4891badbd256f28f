import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/common/exec.js';
import { projectDir } from '../../src/common/paths.js';
import type { Rack } from '../../src/rack/index.js';
import { expectCleanKernelLog, testRack } from '../support/rack.js';

const TESTS = join(projectDir(), 'kernel/tests');
const SUITE_MS = 600_000;

let rack: Rack;
let tap: string;

/** The module's own tests, in a brick with no agent that would take the window first. */
beforeAll(async () => {
  const work = mkdtempSync(join(tmpdir(), 'sdm-module-'));
  try {
    const tool = join(work, 'sdmtool');
    await run([
      ...(['aarch64-linux-gnu-gcc', '-O2', '-Wall', '-Wextra', '-Werror', '-static'] as const),
      ...['-o', tool, join(TESTS, 'sdmtool.c')],
    ]);
    const file = (name: string, path: string) => ({
      path: `/brick/tests/${name}`,
      mode: 0o755,
      data: readFileSync(path),
    });
    rack = await testRack('module', {
      bricks: 1,
      append: 'sdm.agent=no sdm.module=no',
      extra: [
        file('sdmc_mem.sh', join(TESTS, 'sdmc_mem.sh')),
        file('lib.sh', join(TESTS, 'lib.sh')),
        file('sdmtool', tool),
      ],
    });
  } finally {
    rmSync(work, { recursive: true });
  }
  const cycles = process.env['SDM_SOAK'] === undefined ? 3 : 50;
  const { stdout } = await rack.exec(
    1,
    `cd /brick/tests && CYCLES=${cycles} sh ./sdmc_mem.sh /opt/sdm/sdmc_mem.ko ./sdmtool`,
    { timeoutMs: SUITE_MS },
  );
  tap = stdout;
}, SUITE_MS);
afterAll(() => rack?.down());

describe('the module’s own tests, on the stock kernel', () => {
  it('come to their end', () => {
    const plan = /^1\.\.(\d+)$/m.exec(tap);
    expect(plan, tap).not.toBeNull();
    expect(tap.match(/^(not )?ok \d+/gm)).toHaveLength(Number(plan?.[1]));
  });

  it('pass one and all', () => {
    expect(tap.split('\n').filter((line) => /^(not ok|Bail out!|# expected)/.test(line))).toEqual(
      [],
    );
  });

  it('leave no complaint in the kernel’s log', () => expectCleanKernelLog(rack, 1));
});
