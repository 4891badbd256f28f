import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { about, probe, textOf, whole } from './probing.js';
import { distanceMatrix, type Tree } from './tree.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sdm-probe-'));
});
afterEach(() => rmSync(root, { recursive: true }));

describe('distances', () => {
  const map = {
    'proc/device-tree/distance-map/distance-matrix': distanceMatrix([0, 1, 40], [0, 2, 80]),
  };
  const online: Tree = {
    'sys/devices/system/node/online': '0-1\n',
    'sys/devices/system/node/node0/distance': '10 20\n',
    'sys/devices/system/node/node1/distance': '20 10\n',
    'sys/devices/system/node/node1/meminfo': 'Node 1 MemTotal: 1048576 kB\n',
    'sys/devices/system/node/node1/cpulist': '\n',
  };

  it('that the kernel dropped are said to be the kernel, not the topology', () => {
    const brick = probe(root, { ...whole(), ...map, ...online });
    expect(brick.numa.differ).toEqual([
      { from: 0, to: 1, firmware: 40, kernel: 20 },
      { from: 1, to: 0, firmware: 40, kernel: 20 },
    ]);
    expect(textOf(brick, 'distances')).toMatch(/0-1 20, not 40\).*kernel.*not the topology/);
  });

  it('of nodes that are not online yet are announced', () => {
    const brick = probe(root, { ...whole(), ...map });
    expect(brick.numa.firmware).toContainEqual({ from: 2, to: 0, distance: 80 });
    expect(brick.numa.differ).toEqual([]);
    expect(textOf(brick, 'distances')).toMatch(/0-1 40; 0-2 80.*not the topology/);
  });

  it('that agree are not mentioned', () => {
    const agreed = {
      ...online,
      'sys/devices/system/node/node0/distance': '10 40\n',
      'sys/devices/system/node/node1/distance': '40 10\n',
      'sys/devices/system/node/possible': '0-1\n',
    };
    const brick = probe(root, { ...whole(), ...map, ...agreed });
    expect(about(brick)).not.toContain('distances');
  });
});
