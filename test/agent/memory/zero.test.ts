import {
  closeSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PlainMemory } from '../../../src/agent/memory/none.js';
import { zeroFile } from '../../../src/agent/memory/zero.js';
import { native } from '../../../src/native/index.js';

const SIZE = 0x60000;
let dir: string;
let path: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'sdm-zero-'));
  path = join(dir, 'pool');
});
afterAll(() => rmSync(dir, { recursive: true }));
beforeEach(() => writeFileSync(path, Buffer.alloc(SIZE, 0xa5)));

/** Which bytes of the file are zero, as [first, last] of each run. */
function zeros(): [number, number][] {
  const bytes = Buffer.alloc(statSync(path).size);
  const fd = openSync(path, 'r');
  readSync(fd, bytes);
  closeSync(fd);
  const runs: [number, number][] = [];
  for (let at = 0; at < bytes.length; at += 1) {
    if (bytes[at] !== 0) continue;
    const run = runs.at(-1);
    if (run !== undefined && run[1] === at - 1) run[1] = at;
    else runs.push([at, at]);
  }
  return runs;
}

describe('zeroFile', () => {
  test('refuses what lies past the end, and does not make the file longer', async () => {
    for (const [start, end] of [
      [SIZE - 10, SIZE + 1],
      [0, SIZE + 0x10000],
      [SIZE, SIZE + 1],
    ] as const) {
      const span = { start: BigInt(start), end: BigInt(end) };
      await expect(zeroFile(native, path, span)).rejects.toMatchObject({ code: 'SDM_RANGE' });
    }
    expect(statSync(path).size).toBe(SIZE);
  });

  test('a file that is not there', async () => {
    const span = { start: 1n, end: 2n };
    await expect(zeroFile(native, join(dir, 'none'), span)).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });

  test.each([
    ['pages', 0x10000, 0x30000],
    ['one byte', 0x12345, 0x12346],
    ['to the end', 0x4ffff, SIZE],
    ['from the start', 0, 1],
    ['across a page', 0xffff, 0x10001],
    ['a page and an edge', 0x10000, 0x20001],
    ['an edge and a page', 0xffff, 0x20000],
    ['two edges', 0x0fff3, 0x4fff5],
    ['all', 0, SIZE],
  ])('exactly the bytes asked for: %s', async (_, start, end) => {
    await zeroFile(native, path, { start: BigInt(start), end: BigInt(end) });
    expect(zeros()).toEqual([[start, end - 1]]);
  });

  test('any range', async () => {
    const at = fc.integer({ min: 0, max: SIZE });
    await fc.assert(
      fc.asyncProperty(at, at, async (a, b) => {
        fc.pre(a !== b);
        const [start, end] = a < b ? [a, b] : [b, a];
        writeFileSync(path, Buffer.alloc(SIZE, 0xa5));
        await zeroFile(native, path, { start: BigInt(start), end: BigInt(end) });
        expect(zeros()).toEqual([[start, end - 1]]);
      }),
      { numRuns: 40 },
    );
  });

  test('what is a hole stays one; what is in it goes', async () => {
    writeFileSync(path, '');
    truncateSync(path, 64 << 20);
    await zeroFile(native, path, { start: 1n, end: (64n << 20n) - 1n });
    expect(statSync(path).blocks).toBeLessThan(1024);
    const fd = openSync(path, 'r+');
    writeSync(fd, 'x', 63 << 20);
    closeSync(fd);
    await zeroFile(native, path, { start: 1n, end: (64n << 20n) - 1n });
    expect(zeros()).toEqual([[0, (64 << 20) - 1]]);
  });
});

describe('a scrub', () => {
  test('leaves what others use, to the byte', async () => {
    const memory = new PlainMemory(native, { kind: 'file', path, size: BigInt(SIZE) });
    const range = { start: 0n, size: 0x40000n, remote: 0x10001n };
    await memory.scrub(range, [
      { start: 0n, end: 0x10005n },
      { start: 0x20003n, end: 0x20004n },
      { start: 0x50000n, end: 0x60000n },
    ]);
    expect(zeros()).toEqual([
      [0x10005, 0x20002],
      [0x20004, 0x4ffff],
    ]);
  });

  test('of a range that others use all of does nothing', async () => {
    const memory = new PlainMemory(native, { kind: 'file', path, size: BigInt(SIZE) });
    await memory.scrub({ start: 0n, size: 0x1000n, remote: 0x1000n }, [
      { start: 0n, end: 0x2000n },
    ]);
    expect(zeros()).toEqual([]);
  });

  test('without a pool says so', async () => {
    const memory = new PlainMemory(native, undefined);
    const range = { start: 0n, size: 0x1000n, remote: 0x1000n };
    await expect(memory.scrub(range, [])).rejects.toMatchObject({ code: 'SDM_NO_POOL' });
  });
});
