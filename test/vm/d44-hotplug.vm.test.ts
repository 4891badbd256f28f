import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Rack } from '../../src/rack/index.js';
import { expectCleanKernelLog, inBrick, setMemports, testRack } from '../support/rack.js';

const MIB = 256;
const START = '0x8008000000';
const RANGE = '8008000000-8017ffffff';
const PAGES = (MIB - 50) * 256;

let rack: Rack;

/** A step's output in the brick, by the command of the document that it ends with. */
interface Shown {
  readonly text: string;
  /** What each `cat /proc/iomem` printed. */
  readonly iomem: readonly string[];
  /** Of each `free -m`: total, in MiB. */
  readonly free: readonly number[];
}

async function step(args: string): Promise<Shown> {
  const text = await inBrick(rack, 1, `d44-hotplug ${args}`);
  // The output of a command lasts until the next one, or the title of the next step.
  const outputs = (command: string): string[] =>
    text
      .split(/^# |^\n=== .*\n/m)
      .filter((part) => part.startsWith(`${command}\n`))
      .map((part) => part.slice(command.length + 1));
  const free = outputs('free -m').map((part) => Number(/^Mem:\s+(\d+)/m.exec(part)?.[1]));
  return { text, iomem: outputs('cat /proc/iomem'), free };
}

beforeAll(async () => {
  rack = await testRack('d44-hotplug', { bricks: 1, append: 'sdm.agent=no' });
});
afterAll(() => rack?.down());

// In order, as in the document: each step goes on from what the one before has left.
describe('hot-plug by hand, as D4.4 §3.3.2 shows it', () => {
  let before: Shown;
  const systemRam = new RegExp(`^ +${RANGE} : System RAM \\(`, 'm');

  it('refuses to begin in the middle', async () => {
    for (const name of ['online', 'test', 'offline', 'remove']) {
      const { code, stderr } = await rack.exec(1, `d44-hotplug ${name}`);
      expect({ name, code, stderr }).toMatchObject({ code: 1 });
      expect(stderr).toContain("run 'd44-hotplug probe' first");
    }
    for (const [words, said] of [
      ['--size lots', "--size wants a number, not 'lots'"],
      ['on', "'on' is no step and no option"],
    ] as const) {
      const { code, stdout, stderr } = await rack.exec(1, `d44-hotplug ${words}`);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain(`d44-hotplug: ${said}\n`);
    }
    expect(await inBrick(rack, 1, 'd44-hotplug --help')).toContain('d44-hotplug [OPTION...]');
  });

  it('step 3, probe: a memport is set and the kernel knows of the memory', async () => {
    before = await step(`--size ${MIB} probe`);
    expect(before.iomem).toHaveLength(2);
    expect(before.iomem[0]).not.toMatch(systemRam);
    expect(before.iomem[1]).toMatch(systemRam);
    expect(before.text).toContain('\n# insmod /opt/sdm/sdmc.ko\n');
    expect(before.text).toContain(`# echo ${START} > /sys/sdmc/memport/memport0/startAddress\n`);
    expect(setMemports(rack, 1)).toEqual([
      expect.objectContaining({
        start: BigInt(START),
        end: BigInt(START) + (BigInt(MIB) << 20n) - 1n,
        remote: BigInt(START) - 0x80_0000_0000n,
      }),
    ]);
    // It is not in use yet.
    expect(await inBrick(rack, 1, 'cat /sys/devices/system/memory/memory4097/state')).toBe(
      'offline\n',
    );
  });

  it('step 3, online: free shows all of it', async () => {
    const { free, text } = await step('online');
    expect(text.match(/echo online_movable > /g)).toHaveLength(2);
    expect(free).toEqual([before.free[0]! + MIB]);
  });

  it('step 4: hptest fills the memory and reads it back', async () => {
    const { text } = await step('test');
    expect(text).toContain('\nHello hot-plug\nAllocated: 1 M\nAllocated: 2 M\n');
    const allocated = Number(
      text
        .match(/^Allocated: (\d+) M$/gm)
        ?.at(-1)
        ?.match(/\d+/)?.[0],
    );
    // 50 MiB are left, and the kernel takes some for its own lists.
    expect(allocated).toBeGreaterThan(MIB - 60);
    expect(allocated).toBeLessThanOrEqual(MIB - 50);
    const indices = /\n(0, 128, [\d, \n]*)\n/
      .exec(text)?.[1]
      ?.split(/[, \n]+/)
      .map(Number);
    expect(indices).toEqual(Array.from({ length: allocated * 2 }, (_, i) => 128 * i));
    expect(text).toMatch(new RegExp(`^Pages in node 1: ${allocated * 256}$`, 'm'));
    expect(text).toMatch(/^Memory usage: .*resident at most \d+ M/m);
    expect(text).not.toMatch(/^Pages in node 0/m);
    expect(allocated * 256).toBeLessThanOrEqual(PAGES);
  });

  it('step 5: offline and remove leave all as it was', async () => {
    const offline = await step('offline');
    expect(offline.free).toEqual(before.free);
    const { iomem, free } = await step('remove');
    expect(free).toEqual(before.free);
    expect(iomem).toEqual([before.iomem[0]]);
    expect(setMemports(rack, 1)).toEqual([]);
    expect(await inBrick(rack, 1, 'cat /sys/class/misc/sdm-window/window')).toBe('none\n');
  });

  it('all steps at once, another time, and nothing of it is left', async () => {
    const { text, iomem } = await step(`--size ${MIB} --memport 3 --test 16`);
    expect(text).toMatch(/Step 3[^]*Step 3[^]*Step 4[^]*Allocated: 16 M\n0, [^]*Step 5[^]*Step 5/);
    expect(iomem).toEqual([before.iomem[0], before.iomem[1], before.iomem[0]]);
    expect(setMemports(rack, 1)).toEqual([]);
  });

  it('what a failed step leaves is taken back', async () => {
    const { code, stderr } = await rack.exec(1, `d44-hotplug --size ${MIB} --node 9 probe`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/d44-hotplug: add .*node 9/);
    expect(stderr).toMatch(/^to undo: d44-hotplug offline remove$/m);
    expect(setMemports(rack, 1)).toHaveLength(1);
    await step('offline remove');
    expect(setMemports(rack, 1)).toEqual([]);
    // Not on a granule.
    const refused = await rack.exec(1, `d44-hotplug --size ${MIB} --remote 0x800 probe`);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/'0' was refused by .*\/set \(status 20\)$/m);
    await step('offline remove');
    await expectCleanKernelLog(rack, 1);
  });
});
