import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../../bench/harness/compile.js';
import { MEMPORT_COMPARISONS, cycleTimes } from '../../bench/suites/qemu-memports.js';
import { MEMORY_COMPARISONS, ownNode, speeds } from '../../bench/suites/qemu-memory.js';
import { attachComparisons, attachTimes } from '../../bench/suites/qemu.js';
import { featureBits, toBuffer } from '../../src/abi/codec.js';
import { run } from '../../src/common/exec.js';

const MIB = 1n << 20n;
const GIB = 1n << 30n;
const CYCLES = {
  ...{ set: 80_000, load: 90_000, clear: 40_000 },
  ...{ set_others: 81_000, load_others: 91_000, clear_others: 41_000 },
  ...{ set_row: 1, clear_row: 2, set_at_once: 3, clear_at_once: 4, refused: 5, access: 6 },
};
const AREAS = { own: 'node:3', plain: 'node:0', ram: 'node:2', mapped: 'file:/dev/w:0x1000' };
const SPEEDS = Object.fromEntries(
  Object.values(AREAS).flatMap((area, i) => [
    [`copy ${area}`, i + 1],
    [`load ${area}`, 100 * (i + 1)],
  ]),
);
const step = (name: string, ms: number) => ({ step: name, ms });
const UP = ['reserved', 'linked', 'programmed', 'claimed', 'present', 'online'];
const DOWN = ['offline', 'absent', 'scrubbed', 'flushed', 'released', 'cleared', 'free'];
const TRIP = {
  start: '0x0',
  up: UP.map((name, i) => step(name, i + 1)),
  down: DOWN.map((name, i) => step(name, 10 * (i + 1))),
};

describe('what the suite reads', () => {
  it('of memports is in us, by place', () => {
    expect(cycleTimes('busy', JSON.stringify(CYCLES))).toMatchObject({
      'set one, until a load came back, 2 vCPUs, both at work': 90,
      'clear one, 2 vCPUs, both at work': 40,
    });
  });

  it('of memory is by kind', () => {
    expect(speeds('identity', AREAS, JSON.stringify(SPEEDS))).toMatchObject({
      'copy, guest RAM on tmpfs (identity)': 1,
      'random loads, window as mapped (identity)': 400,
    });
  });

  it('of an attachment is the sum of its steps, and some of them', () => {
    const times = attachTimes(GIB, 'identity', TRIP);
    expect(times).toMatchObject({
      'attach 1 GiB, identity': 21,
      'attach 1 GiB, identity: programmed': 3,
      'detach 1 GiB, identity': 280,
      'detach 1 GiB, identity: cleared': 60,
    });
    // The harness names a series that is no number.
    const lost = attachTimes(GIB, 'identity', { ...TRIP, down: [] });
    expect(lost['detach 1 GiB, identity: cleared']).toBeNaN();
  });

  it('must be all there', () => {
    const { clear_row, ...others } = CYCLES;
    expect(() => cycleTimes('one', JSON.stringify(others))).toThrow('"clear_row"');
    const { ['load node:2']: lost, ...rest } = SPEEDS;
    expect(() => speeds('identity', AREAS, JSON.stringify(rest))).toThrow('"load node:2"');
    expect([clear_row, lost]).toEqual([2, 300]);
  });

  it('is all that is compared', () => {
    const measured = new Set(
      [
        ...(['one', 'idle', 'busy'] as const).map((place) =>
          cycleTimes(place, JSON.stringify(CYCLES)),
        ),
        ...(['translation', 'identity'] as const).flatMap((way) => [
          speeds(way, AREAS, JSON.stringify(SPEEDS)),
          attachTimes(GIB, way, TRIP),
        ]),
      ].flatMap((readings) => Object.keys(readings)),
    );
    const compared = [...MEMPORT_COMPARISONS, ...MEMORY_COMPARISONS, ...attachComparisons(GIB)];
    const named = compared.flatMap((each) => [each.case, each.baseline]);
    expect(named.filter((name) => !measured.has(name))).toEqual([]);
    for (const each of compared) expect(each.case).not.toBe(each.baseline);
  });
});

it('memory of its own is in a file, and all of it is counted', () => {
  const args = ownNode(1024n * MIB, '/dev/shm/own');
  expect(args.slice(0, 2)).toEqual(['-m', '1536M']);
  expect(args).toContain('memory-backend-file,id=own,share=on,size=512M,mem-path=/dev/shm/own');
  expect(args).toContain('node,nodeid=3,memdev=own');
});

describe('the programs of the brick, on this machine', { timeout: 120_000 }, () => {
  let dir: string;
  const inDir = (name: string): string => path.join(dir, name);

  beforeAll(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'sdm-bench-qemu-'));
    const { signal } = new AbortController();
    for (const name of ['memory_speed', 'memport_cycles'])
      await compile(inDir(name), [`bench/guest/${name}.c`], signal);
  }, 120_000);
  afterAll(() => rmSync(dir, { recursive: true }));

  function tried(name: string, ...args: readonly string[]) {
    return run([inDir(name), ...args], { okCodes: [0, 1, 2] });
  }

  it('measure each area, in pages that hold what was written', async () => {
    const file = inDir('memory');
    writeFileSync(file, '');
    truncateSync(file, 64 << 20);
    const areas = [`file:${file}:0`, `file:${file}:0x2000000`];
    const amounts = [16n * MIB, 4n * MIB, 10_000n, 3n].map(String);
    const { code, stdout } = await tried('memory_speed', ...amounts, ...areas);
    expect(code).toBe(0);
    const numbers = JSON.parse(stdout) as Record<string, number>;
    const names = areas.flatMap((area) => [`copy ${area}`, `load ${area}`]);
    expect(Object.keys(numbers)).toEqual(names);
    expect(Math.min(...Object.values(numbers))).toBeGreaterThan(0);
    // One that lies askew over the other.
    const shared = await tried('memory_speed', ...amounts, areas[0]!, `file:${file}:0x1000`);
    expect(shared).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('does not hold what was written to it'),
    });
  });

  it.each([
    [['1', '1', '1', '1', 'node:0'], /whole pages/],
    [['4096', '8192', '1', '1', 'node:0'], /COPY at most CHASE/],
    [['4096', '4096', '1', '1', 'disk:0'], /expected node:N or file:PATH:OFFSET/],
    [['4096', '4096', '1', '1', 'file:/tmp'], /expected file:PATH:OFFSET/],
    [['4096', '4096', '1', '1'], /usage/],
  ])('refuse %j', async (args, message) => {
    const { code, stderr } = await tried('memory_speed', ...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  /** A device as sysfs shows one, in which nothing ever answers. */
  function device(features: bigint, nports = 32): string {
    const granule = 2n * MIB;
    const header = {
      version: 1,
      features,
      nports,
      windowBase: 0x80_0000_0000n,
      windowSize: 64n * GIB,
      remoteSize: 256n * MIB,
      granule,
      epoch: 0n,
      ntransceivers: 0,
      linkStatus: 0n,
      linkReset: 0n,
      linkDowns: [],
    };
    const zero = { start: 0n, end: 0n, offset: 0n, remote: 0n, outId: 0n, inId: 0n, faults: 0n };
    const memports = Array.from({ length: nports }, () => ({ ...zero, set: false, status: 0 }));
    const at = mkdtempSync(inDir('device-'));
    const file = (name: string): string => path.join(at, name);
    writeFileSync(file('resource0'), toBuffer({ header, memports }, 0x10000));
    writeFileSync(file('resource2'), '');
    truncateSync(file('resource2'), Number(32n * granule));
    writeFileSync(file('enable'), '');
    return at;
  }

  it.each([
    [featureBits('translation', 'passive'), 32, 'has no logic that translates'],
    [featureBits('transceivers'), 32, 'has no logic that translates'],
    [featureBits('translation'), 16, 'has less than 32 memports'],
    [featureBits('translation'), 32, 'memport 0: STATUS is 0 instead of 1'],
  ])('take no times of features %d with %d memports', async (features, nports, message) => {
    const at = device(features, nports);
    const { code, stdout, stderr } = await tried('memport_cycles', at, '32', '3', '0');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(message);
    expect(readFileSync(path.join(at, 'enable'), 'utf8')).toBe('1');
  });

  it('take none of what is no register block', async () => {
    const at = device(featureBits('translation'));
    writeFileSync(path.join(at, 'resource0'), Buffer.alloc(0x10000));
    const { code, stderr } = await tried('memport_cycles', at, '32', '3', '0');
    expect([code, stderr]).toEqual([1, expect.stringContaining('its ID is 0')]);
    mkdirSync(inDir('nothing'));
    const lost = await tried('memport_cycles', inDir('nothing'), '32', '3', '0');
    expect([lost.code, lost.stderr]).toEqual([1, expect.stringContaining('enable')]);
  });
});
