import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toBuffer } from '../../../src/abi/codec.js';
import type { Brick } from '../../../src/agent/api/brick-schema.js';
import { probeDirectly, probeThroughAgent } from '../../../src/agent/probe/collect.js';
import type { Opener } from '../../../src/agent/backend/look.js';
import { brickTable } from '../../../src/agent/probe/table.js';
import { EMPTY, formatted } from '../../abi/examples.js';
import { FakeCore } from '../api/fake-core.js';
import { about, bar, image, probe, textOf, whole, without } from './probing.js';
import {
  auxv,
  brickTree,
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

describe('a machine that is no brick', () => {
  it('has an empty root: nothing is found and each lack has its sentence', () => {
    const brick = probe(root, {});
    expect(brick.verdict).toBe('not');
    expect(brick.modes).toEqual({ systemRam: false, device: false });
    expect(about(brick)).toEqual(['registers', 'hotplug', 'module', 'node']);
    expect(textOf(brick, 'registers')).toMatch(/1af4:1110.*sdm rack up/);
  });

  it('has an ivshmem device that was never formatted', () => {
    const tree = whole();
    tree[`sys/bus/pci/devices/${REGISTERS}/resource2`] = Buffer.alloc(0x10000);
    const brick = probe(root, tree);
    expect(brick.verdict).toBe('not');
    expect(brick.registers).toBeNull();
    expect(brick.lacks.registers).toMatchObject({ code: 'SDM_NO_REGISTERS' });
    expect(textOf(brick, 'registers')).toContain('registers format');
  });
});

describe('as a plain user', () => {
  it('says who may look', () => {
    writeTree(root, whole());
    const denied: Opener = {
      openRegisters() {
        throw new Error('resource2: open failed with EACCES (Permission denied)');
      },
    };
    const brick = probeDirectly({ root, native: denied, config: bar });
    // There are registers: whether the brick is usable cannot be seen.
    expect(brick.verdict).toBe('in part');
    expect(about(brick)).not.toContain('agent');
    expect(textOf(brick, 'registers')).toMatch(/EACCES.*run probe as root, or ask/);
    const refused = 'an agent runs, and you may not ask it (group sdm)';
    const told = probeDirectly({ root, native: denied, config: bar, refused });
    // An agent has registers, even where this user sees no device.
    const blind = probeDirectly({ root: join(root, 'none'), native: denied, config: bar, refused });
    expect(blind.verdict).toBe('in part');
    expect(textOf(told, 'agent')).toBe('An agent runs, and you may not ask it (group sdm).');
  });
});

describe('a brick', () => {
  it('that lacks nothing is usable', () => {
    const brick = probe(root, whole());
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
        module: { loaded: true, version: '1.1', mismatch: null, readable: true },
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

  it('without root is told that the window cannot be read', () => {
    const { 'sys/class/misc/sdm-window/window': _, ...rest } = whole();
    // Tests run as root, whom no mode keeps out: a directory cannot be read by anybody.
    const brick = probe(root, { ...rest, 'sys/class/misc/sdm-window/window/x': '' });
    expect(brick.verdict).toBe('usable');
    expect(brick.kernel.module).toMatchObject({ loaded: true, mismatch: null, readable: false });
    expect(textOf(brick, 'window')).toMatch(/cannot be read.*run probe as root/);
  });

  it('with translation is not told that there is no isolation', () => {
    const zynq = formatted('zynq', 0n);
    const memports = Array.from({ length: zynq.nports }, () => EMPTY);
    const tree = {
      ...brickTree(toBuffer({ header: zynq, memports })),
      'sys/class/misc/sdm-window/window': 'none\n',
    };
    const brick = probe(root, tree);
    expect(brick.registers?.translation).toBe(true);
    expect(about(brick)).not.toContain('isolation');
  });

  it('is asked for the window that its agent parks: without translation, the pool', () => {
    const header = { ...formatted('generic', POOL_SIZE), windowBase: 0x1000000000n };
    const brick = probe(root, brickTree(toBuffer({ ...image, header })));
    expect(brick.registers?.windowBase).toBe('0x1000000000');
    expect(brick.verdict).toBe('usable');
    expect(about(brick)).not.toContain('window');
  });

  it.each([
    ['0x400000000 0x100000000', 'usable'],
    ['0x8000000000 0x100000000', 'in part'],
  ])('with translation needs the window of its registers: %s is %s', (window, verdict) => {
    const header = formatted('zynq', 0n);
    const memports = Array.from({ length: header.nports }, () => EMPTY);
    const tree = {
      ...brickTree(toBuffer({ header, memports })),
      'sys/class/misc/sdm-window/window': `${window}\n`,
    };
    const brick = probe(root, tree);
    expect(brick.verdict).toBe(verdict);
    if (verdict !== 'usable') {
      expect(textOf(brick, 'window')).toMatch(/needs 0x400000000 \(0x100000000 bytes\)/);
    }
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
    const brick = probe(root, change(whole()));
    expect(textOf(brick, name)).toMatch(text);
    expect(brick.verdict).toBe(verdict);
  });

  it('of 64K pages and with a probe file says so', () => {
    const brick = probe(root, {
      ...whole(),
      'proc/self/auxv': auxv(65536),
      'sys/devices/system/memory/probe': '',
    });
    expect(brick.kernel).toMatchObject({ pageSize: 65536, memoryProbe: true });
    expect(brickTable(brick)).toContain('memory/probe');
  });
});

describe('a brick of files', () => {
  it('is usable with registers and a pool, and needs nothing of the kernel', () => {
    writeTree(root, { r: toBuffer(image), pool: Buffer.alloc(0x10000) });
    const size = statSync(join(root, 'pool')).size;
    const brick = probe(
      root,
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
    const brick = probe(root, {}, { registers, node: 1 });
    expect(brick.verdict).toBe('in part');
    expect(textOf(brick, 'pool')).toContain('pool.path');
  });

  it('whose register file is missing is not usable', () => {
    const registers = { backend: 'file', path: join(root, 'none') } as const;
    expect(probe(root, {}, { registers, node: 1 }).verdict).toBe('not');
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
    expect(textOf(brick, 'foreign')).toMatch(/^Memport 4 was .*clear 4 --override` once nothing/);
  });

  it('tells memports of nobody with RAM behind from unused ones', () => {
    const core = new FakeCore();
    const [first] = core.memports().filter(({ owner }) => owner === 'foreign');
    const at = (n: bigint) => ({
      start: POOL_BASE + (n << 28n),
      end: POOL_BASE + ((n + 1n) << 28n) - 1n,
    });
    const ports = [0, 1, 2, 3, 4].map((port) => ({ ...first!, port, ...at(BigInt(port + 1)) }));
    const region = (n: bigint, state: string, mapped: number): Tree => {
      const path = `sys/class/misc/sdm-window/regions/0x${at(n).start.toString(16)}-0x${at(n).end.toString(16)}`;
      return {
        [`${path}/state`]: state,
        [`${path}/node`]: '1',
        [`${path}/mapped`]: String(mapped),
      };
    };
    writeTree(root, {
      ...whole(),
      ...region(3n, 'ram', 0),
      ...region(4n, 'device', 1),
      ...region(5n, 'device', 0),
    });
    const agent = { brick: () => core.brick(), memports: () => ports };
    const brick = probeThroughAgent(agent, { node: 1, pool: { pci: 'auto' } }, root);
    const texts = brick.advice.filter((a) => a.about === 'foreign').map(({ text }) => text);
    expect(texts).toEqual([
      expect.stringMatching(
        /^Memports 0 and 1 were set by .*clear each .*clear N --override` once/,
      ),
      expect.stringMatching(/^Memport 2 was .*RAM lies behind: .*offline .*docs\/attachments/),
      expect.stringMatching(/^Memport 3 was .*programs map the range: end these/),
      expect.stringMatching(/^Memport 4 was .*programs may map the range: conceal it first/),
    ]);
  });
});
