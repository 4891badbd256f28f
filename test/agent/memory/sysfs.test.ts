import { afterEach, describe, expect, test } from 'vitest';
import { blocksOf, readBlockSize } from '../../../src/agent/memory/blocks.js';
import { usedBytes } from '../../../src/agent/memory/index.js';
import { meminfoBytes, possibleNodes, readNodes } from '../../../src/agent/memory/nodes.js';
import { readPolicy } from '../../../src/agent/memory/policy.js';
import { parseList } from '../../../src/agent/memory/sysfs.js';
import { parseFailure, parseWindow } from '../../../src/agent/memory/window.js';
import { makeTree, type Tree } from '../tree.js';

let tree: Tree | undefined;
afterEach(() => tree?.remove());

const MIB = 1n << 20n;

describe('a kernel that has nothing of it', () => {
  test('says so instead of failing', () => {
    const sysfs = '/nonexistent';
    expect(readBlockSize(sysfs)).toBeUndefined();
    expect(readPolicy(sysfs)).toBeUndefined();
    expect(possibleNodes(sysfs)).toEqual([]);
    expect(readNodes(sysfs)).toEqual([]);
  });
});

describe('what the kernel prints', () => {
  test('lists', () => {
    expect(parseList('')).toEqual([]);
    expect(parseList('0')).toEqual([0]);
    expect(parseList('0-2,5,7-8')).toEqual([0, 1, 2, 5, 7, 8]);
  });

  test('the block size is hexadecimal without a prefix', () => {
    tree = makeTree({ 'devices/system/memory/block_size_bytes': '8000000\n' });
    expect(readBlockSize(tree.root)).toBe(128n * MIB);
  });

  test('blocks of a range', () => {
    const range = { start: 0x80_1000_0000n, size: 256n * MIB };
    expect(blocksOf(range, 128n * MIB)).toEqual([4098, 4099]);
  });

  test('the window and the failure of an offline', () => {
    expect(parseWindow(undefined)).toBeUndefined();
    expect(parseWindow('none')).toBeUndefined();
    expect(parseWindow('0x8000000000 0x100000000')).toEqual({
      start: 0x80_0000_0000n,
      size: 1n << 32n,
    });
    expect(parseFailure('none')).toBeUndefined();
    const line = 'block=37 start=0x8010000000 pfn=0x8010000 count=3 mapcount=1 reason=pinned';
    expect(parseFailure(line)).toEqual({ block: 37, reason: 'pinned', line });
  });

  test('nodes with memory, distances to the online ones, tiers', () => {
    const node = 'devices/system/node';
    const tier = 'devices/virtual/memory_tiering';
    tree = makeTree({
      [`${node}/possible`]: '0-2\n',
      [`${node}/online`]: '0,2\n',
      [`${node}/node0/distance`]: '10 40\n',
      [`${node}/node0/cpulist`]: '0-3\n',
      [`${node}/node0/meminfo`]: 'Node 0 MemTotal:  1024 kB\nNode 0 MemFree:  512 kB\n',
      [`${node}/node2/distance`]: '40 10\n',
      [`${node}/node2/cpulist`]: '\n',
      [`${node}/node2/meminfo`]: 'Node 2 MemTotal:       0 kB\n',
      [`${tier}/memory_tier4/nodelist`]: '0\n',
      [`${tier}/memory_tier22/nodelist`]: '2\n',
      [`${tier}/uevent`]: '',
    });
    expect(possibleNodes(tree.root)).toEqual([0, 1, 2]);
    expect(readNodes(tree.root)).toEqual([
      {
        node: 0,
        online: true,
        cpus: true,
        distances: [
          { node: 0, distance: 10 },
          { node: 2, distance: 40 },
        ],
        totalBytes: MIB,
        freeBytes: MIB / 2n,
        tier: 4,
      },
      {
        node: 2,
        online: true,
        cpus: false,
        distances: [
          { node: 0, distance: 40 },
          { node: 2, distance: 10 },
        ],
        totalBytes: 0n,
        freeBytes: 0n,
        tier: 22,
      },
    ]);
    expect(meminfoBytes('MemTotal: 1 kB', 'MemFree')).toBe(0n);
  });
});

describe('usedBytes', () => {
  const share = { start: 100n, size: 100n };
  test.each([
    [[], 0n],
    [[{ start: 0n, end: 100n }], 0n],
    [[{ start: 0n, end: 1000n }], 100n],
    [
      [
        { start: 150n, end: 160n },
        { start: 90n, end: 110n },
        { start: 155n, end: 170n },
        { start: 190n, end: 300n },
      ],
      40n,
    ],
  ])('counts every byte once: case %#', (ranges, expected) => {
    expect(usedBytes(share, ranges)).toBe(expected);
  });
});
