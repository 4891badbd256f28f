import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { featureBits, toBuffer } from '../../../src/abi/codec.js';
import { openToRead } from '../../../src/agent/backend/look.js';
import { brickTable } from '../../../src/agent/probe/table.js';
import { EMPTY, formatted } from '../../abi/examples.js';
import { about, bar, image, probe, textOf } from './probing.js';
import {
  brickTree,
  logicTree,
  REGISTERS,
  sdmcTree,
  uioTree,
  writeTree,
  type Tree,
} from './tree.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sdm-probe-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const auto = { ...bar, registers: { backend: 'auto', pci: 'auto' } } as const;
const block = toBuffer(image);

describe('a brick whose configuration leaves the way open', () => {
  it.each<[string, Tree, string]>([
    ['without a driver', brickTree(block), 'bar'],
    ['with sdmc', sdmcTree(block), 'sysfs'],
    ['with UIO', uioTree(block), 'uio'],
  ])('%s is usable, by that one', (_, tree, backend) => {
    const brick = probe(root, tree, auto);
    expect(brick).toMatchObject({
      verdict: 'usable',
      modes: { systemRam: true, device: true },
      registers: { backend, at: REGISTERS, windowBase: '0x8000000000', set: [{ port: 5 }] },
    });
    expect(brick.devices.map(({ role }) => role)).toEqual(['registers', 'pool']);
    expect(about(brick)).toEqual(['isolation']);
  });
});

describe('a brick whose configuration goes past the driver', () => {
  it('is told both ways out', () => {
    const brick = probe(root, sdmcTree(block), bar);
    expect(brick.registers).toBeNull();
    expect(textOf(brick, 'driver')).toMatch(/"auto" or "sysfs".*sdmc\/unbind/);
  });

  it('is told of any other driver to unbind it', () => {
    const brick = probe(root, uioTree(block), bar);
    expect(textOf(brick, 'driver')).toMatch(/: unbind it with .*uio_sdm_test\/unbind/);
  });

  it('that is not there is told to insert it', () => {
    const sysfs = { ...bar, registers: { backend: 'sysfs', pci: 'auto' } } as const;
    const brick = probe(root, brickTree(block), sysfs);
    expect(textOf(brick, 'registers')).toMatch(/sdmc is not inserted.*modprobe sdmc/);
  });
});

describe('a brick with the device sdm-memport', () => {
  const header = {
    ...formatted('generic', 4n << 30n),
    features: featureBits('translation', 'requests', 'transceivers', 'interrupts'),
    windowBase: 0x80_0000_0000n,
    windowSize: 64n << 30n,
  };
  const memports = Array.from({ length: header.nports }, () => EMPTY);
  const registers = toBuffer({ header, memports });

  it.each([
    ['no pool', { registers: auto.registers, node: 1 }],
    ['any pool', auto],
  ])('is usable and isolated, with %s configured', (_, config) => {
    const brick = probe(root, logicTree(registers), config);
    expect(brick).toMatchObject({
      verdict: 'usable',
      modes: { systemRam: true, device: true },
      devices: [{ pci: REGISTERS, id: '1af4:10f0', role: 'registers' }],
      registers: { backend: 'bar', at: REGISTERS, translation: true, isolation: true },
      pool: { at: 'remote', start: null, size: '0x100000000' },
      advice: [],
    });
    expect(brickTable(brick)).toMatch(/^ +isolation +yes: only what memports map is reached$/m);
  });

  it('and with the driver, goes through that', () => {
    const { [`sys/bus/pci/devices/${REGISTERS}/resource0`]: _, ...rest } = logicTree(registers);
    const files = Object.entries(sdmcTree(registers)).filter(([path]) =>
      /sys\/sdmc|\/driver$/.test(path),
    );
    const brick = probe(root, { ...rest, ...Object.fromEntries(files) }, auto);
    expect(brick).toMatchObject({
      verdict: 'usable',
      registers: { backend: 'sysfs', isolation: true },
      pool: { at: 'remote' },
    });
  });

  it('is no longer isolated where the registers are passive', () => {
    const brick = probe(root, brickTree(block), auto);
    expect(brick.registers).toMatchObject({ translation: false, isolation: false });
    expect(brickTable(brick)).toMatch(/^ +isolation +no$/m);
  });
});

describe('a block that translates', () => {
  const header = formatted('zynq', 0n);
  const memports = Array.from({ length: header.nports }, () => EMPTY);
  const zynq = toBuffer({ header, memports });
  const alone = { registers: auto.registers, node: 1 };

  it.each([
    ['0x400000000 0x100000000', 'usable'],
    ['0x8000000000 0x100000000', 'in part'],
  ])('needs no pool, but the window of its registers: %s is %s', (window, verdict) => {
    const tree = { ...uioTree(zynq), 'sys/class/misc/sdm-window/window': `${window}\n` };
    const brick = probe(root, tree, alone);
    expect(brick).toMatchObject({
      verdict,
      pool: { at: 'remote', start: null, size: '0x1000000000' },
    });
    expect(about(brick).includes('window')).toBe(verdict !== 'usable');
    expect(about(brick)).not.toContain('pool');
  });

  it('needs one where it leaves open where its window is', () => {
    const open = toBuffer({ header: { ...header, windowBase: 0n }, memports });
    const brick = probe(root, uioTree(open), alone);
    expect(brick).toMatchObject({ registers: { windowBase: '0x0' }, pool: null });
    expect(textOf(brick, 'pool')).toMatch(/leave open where their window is.*pool\.pci/);
  });
});

describe('a UIO device that goes while it is looked at', () => {
  it('is missed, and nothing else is opened in its place', () => {
    writeTree(root, brickTree(block));
    const native = { openRegisters: vi.fn() };
    expect(() => openToRead(root, native, { backend: 'uio', at: REGISTERS })).toThrow(
      expect.objectContaining({ code: 'SDM_NO_REGISTERS' }),
    );
    expect(native.openRegisters).not.toHaveBeenCalled();
  });
});
