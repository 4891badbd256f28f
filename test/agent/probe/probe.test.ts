import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeOffset, fromBuffer, toBuffer, type BlockImage } from '../../../src/abi/codec.js';
import { Brick } from '../../../src/agent/api/brick-schema.js';
import { NodeView } from '../../../src/agent/api/schemas.js';
import { probeDirectly, probeThroughAgent } from '../../../src/agent/probe/collect.js';
import type { Opener } from '../../../src/agent/probe/registers.js';
import { brickTable } from '../../../src/agent/probe/table.js';
import type { RegisterBlock } from '../../../src/native/types.js';
import { EMPTY, formatted, memport } from '../../abi/examples.js';
import { FakeCore } from '../api/fake-core.js';
import {
  auxv,
  brickTree,
  distanceMatrix,
  pciDevice,
  POOL,
  POOL_BASE,
  POOL_SIZE,
  REGISTERS,
  writeTree,
  type Tree,
} from './tree.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sdm-probe-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const header = formatted('generic', POOL_SIZE);
const active = memport({
  start: POOL_BASE + 0x10000000n,
  end: POOL_BASE + 0x1fffffffn,
  offset: encodeOffset(POOL_BASE + 0x10000000n, 0x10000000n),
  set: true,
  status: 1,
});
const image: BlockImage = {
  header,
  memports: Array.from({ length: header.nports }, (_, n) => (n === 5 ? active : EMPTY)),
};

/** Opens files as the addon does, by the codec: no addon is needed here. */
const opener: Opener = {
  openRegisters(source, options) {
    if (!('path' in source)) throw new Error('only files are below another root');
    expect(options?.writable).toBe(false);
    const bytes = readFileSync(source.path);
    const block = fromBuffer(bytes);
    const base = block.header.windowBase || (options?.windowBase ?? 0n);
    return {
      info: { ...block.header, windowBase: base, passive: true },
      snapshot(into: BigUint64Array) {
        const words = new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
        into.set(words.subarray(0, 32));
        into.set(words.subarray(0x1000 / 8, 0x1000 / 8 + 8 * block.header.nports), 32);
      },
      close() {},
    } as unknown as RegisterBlock;
  },
};

const bar = { registers: { backend: 'bar', pci: 'auto' }, pool: { pci: 'auto' }, node: 1 } as const;

function probe(tree: Tree, config: Parameters<typeof probeDirectly>[0]['config'] = bar) {
  writeTree(root, tree);
  const brick = probeDirectly({ root, native: opener, config });
  const ajv = new Ajv({ strict: false }).addSchema(NodeView, 'Node#');
  expect(ajv.validate(Brick, brick), ajv.errorsText()).toBe(true);
  expect(brickTable(brick)).toContain(brick.verdict);
  return brick;
}

function without(tree: Tree, prefix: string): Tree {
  return Object.fromEntries(Object.entries(tree).filter(([path]) => !path.startsWith(prefix)));
}

const whole = (): Tree => brickTree(toBuffer(image));
const about = (brick: Brick) => brick.advice.map((advice) => advice.about);
const textOf = (brick: Brick, name: string) =>
  brick.advice.find((advice) => advice.about === name)?.text ?? '';

describe('a machine that is no brick', () => {
  it('has an empty root: nothing is found and each lack has its sentence', () => {
    const brick = probe({});
    expect(brick.verdict).toBe('not');
    expect(brick.modes).toEqual({ systemRam: false, device: false });
    expect(about(brick)).toEqual(['registers', 'hotplug', 'module', 'node']);
    expect(textOf(brick, 'registers')).toMatch(/1af4:1110.*sdm rack up/);
  });

  it('has an ivshmem device that was never formatted', () => {
    const tree = whole();
    tree[`sys/bus/pci/devices/${REGISTERS}/resource2`] = Buffer.alloc(0x10000);
    const brick = probe(tree);
    expect(brick.verdict).toBe('not');
    expect(brick.registers).toBeNull();
    expect(brick.lacks.registers).toMatchObject({ code: 'SDM_NO_REGISTERS' });
    expect(textOf(brick, 'registers')).toContain('registers format');
  });
});

describe('a brick', () => {
  it('that lacks nothing is usable', () => {
    const brick = probe(whole());
    expect(brick).toMatchObject({
      verdict: 'usable',
      modes: { systemRam: true, device: true },
      source: 'direct',
      registers: {
        at: REGISTERS,
        nports: 32,
        translation: false,
        windowBase: '0x8000000000',
        windowSize: '0x100000000',
        set: [{ port: 5, remote: '0x10000000', statusName: 'active' }],
      },
      pool: { at: POOL, start: '0x8000000000', size: '0x100000000' },
      kernel: {
        release: '6.12.1-test',
        pageSize: 4096,
        lockdown: 'none',
        hotplug: true,
        blockSize: '0x8000000',
        autoOnline: 'offline',
        memoryProbe: false,
        demotion: true,
        module: { loaded: true, version: '1.0.0', mismatch: null },
        ways: [
          { module: 'dax', state: 'loaded' },
          { module: 'device_dax', state: 'absent' },
          { module: 'kmem', state: 'available' },
          { module: 'dax_hmem', state: 'available' },
        ],
      },
      numa: { possible: [0, 1, 2], online: [0], nodes: [{ node: 0, tier: 4 }] },
    });
    expect(brick.devices.map(({ pci, role }) => [pci, role])).toEqual([
      [REGISTERS, 'registers'],
      [POOL, 'pool'],
    ]);
    expect(about(brick)).toEqual(['isolation']);
    expect(textOf(brick, 'isolation')).toContain('isolates');
  });

  it('with translation is not told that there is no isolation', () => {
    const zynq = formatted('zynq', 0n);
    const memports = Array.from({ length: zynq.nports }, () => EMPTY);
    const tree = {
      ...brickTree(toBuffer({ header: zynq, memports })),
      'sys/class/misc/sdm-window/window': 'none\n',
    };
    const brick = probe(tree);
    expect(brick.registers?.translation).toBe(true);
    expect(about(brick)).not.toContain('isolation');
  });

  it.each<[string, (tree: Tree) => Tree, string, RegExp, Brick['verdict']]>([
    [
      'no module',
      (t) => without(without(t, 'sys/module/sdmc'), 'sys/class/misc'),
      'module',
      /insmod/,
      'in part',
    ],
    [
      'another module',
      (t) => ({ ...t, 'sys/module/sdmc_mem/version': '9.0\n' }),
      'module',
      /9\.0.*rmmod/,
      'in part',
    ],
    [
      'another window',
      (t) => ({ ...t, 'sys/class/misc/sdm-window/window': '0x1000 0x2000\n' }),
      'window',
      /echo none/,
      'in part',
    ],
    [
      'no hot-plug',
      (t) => without(t, 'sys/devices/system/memory'),
      'hotplug',
      /CONFIG_MEMORY_HOTPLUG/,
      'in part',
    ],
    [
      'no second node',
      (t) => ({ ...t, 'sys/devices/system/node/possible': '0\n' }),
      'node',
      /node 1.*only node 0/,
      'in part',
    ],
    ['no pool', (t) => without(t, `sys/bus/pci/devices/${POOL}`), 'pool', /pool/, 'in part'],
    [
      'a pool of another size',
      (t) => ({ ...t, ...pciDevice(POOL, POOL_BASE, POOL_SIZE / 2n) }),
      'pool',
      /4 GiB.*2 GiB/,
      'in part',
    ],
    [
      'two pools',
      (t) => ({ ...t, ...pciDevice('0000:00:04.0', 0x9000000000n, POOL_SIZE) }),
      'pool',
      /00:03\.0.*00:04\.0/,
      'in part',
    ],
    [
      'lockdown',
      (t) => ({ ...t, 'sys/kernel/security/lockdown': 'none [integrity] confidentiality\n' }),
      'lockdown',
      /integrity/,
      'usable',
    ],
    [
      'auto-online',
      (t) => ({ ...t, 'sys/devices/system/memory/auto_online_blocks': 'online\n' }),
      'auto-online',
      /"online".*memhp_default_state/,
      'usable',
    ],
    [
      'no demotion',
      (t) => ({ ...t, 'sys/kernel/mm/numa/demotion_enabled': 'false\n' }),
      'demotion',
      /demotion_enabled/,
      'usable',
    ],
    [
      'a bound driver',
      (t) => ({
        ...t,
        [`sys/bus/pci/devices/${POOL}/driver`]: { link: '/sys/bus/pci/drivers/uio_ivshmem' },
      }),
      'driver',
      /uio_ivshmem.*unbind/,
      'usable',
    ],
  ])('with %s is told what to do', (_name, change, name, text, verdict) => {
    const brick = probe(change(whole()));
    expect(textOf(brick, name)).toMatch(text);
    expect(brick.verdict).toBe(verdict);
  });

  it('of 64K pages and with a probe file says so', () => {
    const brick = probe({
      ...whole(),
      'proc/self/auxv': auxv(65536),
      'sys/devices/system/memory/probe': '',
    });
    expect(brick.kernel).toMatchObject({ pageSize: 65536, memoryProbe: true });
    expect(brickTable(brick)).toContain('memory/probe');
  });
});

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
    const brick = probe({ ...whole(), ...map, ...online });
    expect(brick.numa.differ).toEqual([
      { from: 0, to: 1, firmware: 40, kernel: 20 },
      { from: 1, to: 0, firmware: 40, kernel: 20 },
    ]);
    expect(textOf(brick, 'distances')).toMatch(/0-1 20, not 40\).*kernel.*not the topology/);
  });

  it('of nodes that are not online yet are announced', () => {
    const brick = probe({ ...whole(), ...map });
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
    const brick = probe({ ...whole(), ...map, ...agreed });
    expect(about(brick)).not.toContain('distances');
  });
});

describe('a brick of files', () => {
  it('is usable with registers and a pool, and needs nothing of the kernel', () => {
    writeTree(root, { r: toBuffer(image), pool: Buffer.alloc(0x10000) });
    const size = statSync(join(root, 'pool')).size;
    const brick = probe(
      {},
      {
        brick: 'p1',
        registers: { backend: 'file', path: join(root, 'r') },
        pool: { path: join(root, 'pool') },
        node: 1,
      },
    );
    expect(brick).toMatchObject({
      brick: 'p1',
      verdict: 'usable',
      modes: { systemRam: false, device: true },
      pool: { start: null, size: `0x${size.toString(16)}` },
    });
    expect(about(brick)).toEqual(['isolation', 'process']);
  });

  it('without a pool is usable in part', () => {
    writeTree(root, { r: toBuffer(image) });
    const registers = { backend: 'file', path: join(root, 'r') } as const;
    const brick = probe({}, { registers, node: 1 });
    expect(brick.verdict).toBe('in part');
    expect(textOf(brick, 'pool')).toContain('pool.path');
  });

  it('whose register file is missing is not usable', () => {
    const registers = { backend: 'file', path: join(root, 'none') } as const;
    expect(probe({}, { registers, node: 1 }).verdict).toBe('not');
  });
});

describe('through the agent', () => {
  it('gives what the agent sees, owners of memports with it', () => {
    writeTree(root, whole());
    const brick = probeThroughAgent(new FakeCore(), { node: 1, pool: { pci: 'auto' } }, root);
    expect(brick).toMatchObject({ source: 'agent', verdict: 'usable', pool: { at: POOL } });
    expect(brick.pool?.start).toBe('0x8000000000');
    expect(brick.registers?.set).toMatchObject([
      { port: 3, owner: 'attachment', attachment: 'a1' },
      { port: 4, owner: 'foreign' },
    ]);
    expect(textOf(brick, 'foreign')).toMatch(/Memport 4.*--override/);
  });
});
