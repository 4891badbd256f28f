import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureArtifacts } from '../../src/rack/artifacts/index.js';
import type { Rack } from '../../src/rack/index.js';
import { kernelModules } from '../../src/rack/kernel-modules.js';
import { compileForGuest, guestProgram, KERNEL_TESTS } from '../support/guest-tests.js';
import { expectCleanKernelLog, testRack } from '../support/rack.js';

const SUITE_MS = 600_000;
const DISTANCE_OF_2 = 30;

let rack: Rack;
/** What each script printed. */
const taps = new Map<string, string>();
const SCRIPTS = ['sdmc_mem.sh', 'sdmc_mem_ways.sh'];

/** The module's own tests, in a brick with no agent that would take the window first. */
beforeAll(async () => {
  const work = mkdtempSync(join(tmpdir(), 'sdm-module-'));
  try {
    const tool = await compileForGuest('sdmtool', work);
    const file = (name: string, path: string) => guestProgram(`/brick/tests/${name}`, path);
    rack = await testRack('module', {
      bricks: 1,
      append: 'sdm.agent=no sdm.module=no memory_hotplug.memmap_on_memory=1',
      qemuArgs: [
        // No places for a window: the space of a bus without devices, and registers.
        ...['-device', 'pcie-root-port,addr=a,chassis=1', '-device', 'pci-testdev,addr=b'],
        // A node with a processor: only then has the kernel the distances that firmware gives, and
        // node 2 is nearer to it than to node 0.
        ...['-smp', '2', '-numa', 'node,nodeid=3,cpus=1'],
        ...['-numa', 'dist,src=0,dst=3,val=15', '-numa', 'dist,src=1,dst=3,val=50'],
        ...['-numa', `dist,src=2,dst=3,val=${DISTANCE_OF_2}`],
      ],
      extra: [
        ...[...SCRIPTS, 'lib.sh'].map((name) => file(name, join(KERNEL_TESTS, name))),
        file('sdmtool', tool),
        ...(await kernelModules(await ensureArtifacts(), ['dax_hmem', 'kmem'])),
      ],
    });
  } finally {
    rmSync(work, { recursive: true });
  }
  const cycles = process.env['SDM_SOAK'] === undefined ? 3 : 50;
  for (const script of SCRIPTS) {
    const { stdout } = await rack.exec(
      1,
      `cd /brick/tests && CYCLES=${cycles} sh ./${script} /opt/sdm/sdmc_mem.ko ./sdmtool`,
      { timeoutMs: SUITE_MS },
    );
    taps.set(script, stdout);
  }
}, SUITE_MS);
afterAll(() => rack?.down());

describe('the module’s own tests, on the stock kernel', () => {
  it.each(SCRIPTS)('%s comes to its end, and leaves nothing out', (script) => {
    const tap = taps.get(script) ?? '';
    const plan = /^1\.\.(\d+)$/m.exec(tap);
    expect(plan, tap).not.toBeNull();
    expect(tap.match(/^(not )?ok \d+/gm)).toHaveLength(Number(plan?.[1]));
    expect(tap).not.toMatch(/# SKIP/);
  });

  it.each(SCRIPTS)('%s passes one and all', (script) => {
    const lines = (taps.get(script) ?? 'not ok').split('\n');
    expect(lines.filter((line) => /^(not ok|Bail out!|# expected)/.test(line))).toEqual([]);
  });

  it('put nodes into the tiers of the distances that firmware gives', () => {
    const told = [
      ...(taps.get('sdmc_mem.sh') ?? '').matchAll(/^# node (.*) is at distance (.*)$/gm),
    ];
    expect(told.map(([, node, distance]) => [node, distance])).toEqual([
      ['1', '20'],
      ['2', String(DISTANCE_OF_2)],
    ]);
  });

  it('leave no complaint in the kernel’s log', () => expectCleanKernelLog(rack, 1));
});
