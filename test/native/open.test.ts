import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BLOCK_MAX, REG } from '../../src/abi/constants.js';
import { native, type FormatOptions, type RegisterSource } from '../../src/native/index.js';
import { any, formatFile, makeScratch, sparseFile, thrown, withBlock } from './support.js';

const scratch = makeScratch();
const file = join(scratch, 'registers');
const source = { path: file };

const open = (from: unknown, options?: unknown): unknown =>
  native.openRegisters(any<RegisterSource>(from), any(options));
const format = (from: unknown, options: unknown): unknown =>
  native.formatRegisters(any<RegisterSource>(from), any<FormatOptions>(options));

describe('openRegisters', () => {
  test('refuses arguments of wrong types', () => {
    for (const from of [
      undefined,
      null,
      'registers',
      5,
      {},
      { path: 1 },
      { device: 1, size: 8 },
      { device: '/dev/zero' },
      { device: '/dev/zero', size: 8n },
      { device: '/dev/zero', size: 8, path: file },
      { pci: 2, resource: 2 },
    ]) {
      thrown(() => open(from), 'SDM_INPUT', TypeError);
    }
    thrown(() => open({ path: file, pci: '0000:00:02.0' }), 'SDM_INPUT', TypeError);
    thrown(() => open({ pci: '0000:00:02.0' }), 'SDM_INPUT', TypeError);
    thrown(() => open({ pci: '0000:00:02.0', resource: '2' }), 'SDM_INPUT', TypeError);
    for (const options of [null, 1, { windowBase: 1 }, { writable: 1 }, { windowBase: null }]) {
      thrown(() => open(source, options), 'SDM_INPUT', TypeError);
    }
  });

  test('refuses values that cannot be', () => {
    for (const path of ['', 'a\0b', 'x'.repeat(5000)]) thrown(() => open({ path }), 'SDM_INPUT');
    for (const pci of ['', '00:02.0', '0000:00:02.9', '../../etc', '0000:00:02.0/..']) {
      thrown(() => open({ pci, resource: 2 }), 'SDM_INPUT');
    }
    for (const resource of [-1, 6, 1.5, Number.NaN, Infinity]) {
      thrown(() => open({ pci: '0000:00:02.0', resource }), 'SDM_INPUT');
    }
    for (const size of [0, -8, 1.5, 2 ** 31, Number.NaN]) {
      thrown(() => open({ device: '/dev/zero', size }), 'SDM_INPUT');
    }
    for (const windowBase of [-1n, 1n << 64n]) {
      thrown(() => open(source, { windowBase }), 'SDM_INPUT');
    }
  });

  test('maps as much of a character device as it is told', () => {
    const device = '/dev/zero'; // there is no block in it, and no device says how long it is
    const reading = { writable: false };
    thrown(() => open({ device, size: BLOCK_MAX }, reading), 'SDM_BLOCK_UNFORMATTED');
    thrown(() => open({ device, size: 0x1000 }, reading), 'SDM_BLOCK_SIZE');
    thrown(() => open({ device: file, size: BLOCK_MAX }, reading), 'SDM_NOT_FOUND');
    formatFile(file);
    thrown(() => open({ device: file, size: BLOCK_MAX }, reading), 'SDM_INPUT');
    rmSync(file);
    thrown(() => open({ path: device }, reading), 'SDM_INPUT');
  });

  test('passes on what a getter throws', () => {
    const boom = new RangeError('boom');
    const trap = {
      get path(): string {
        throw boom;
      },
    };
    expect(() => open(trap)).toThrow(boom);
  });

  test('names what is missing', () => {
    const absent = join(scratch, 'absent');
    expect(thrown(() => open({ path: absent }), 'SDM_NOT_FOUND').message).toContain(absent);
    const pci = 'ffff:ff:1f.7';
    expect(thrown(() => open({ pci, resource: 2 }), 'SDM_NOT_FOUND').message).toContain(pci);
  });

  test('refuses what is no block', () => {
    writeFileSync(file, 'short');
    thrown(() => open(source), 'SDM_BLOCK_SIZE');
    sparseFile(file, BLOCK_MAX);
    const { message } = thrown(() => open(source), 'SDM_BLOCK_UNFORMATTED');
    expect(message).toContain(`sdm-agent registers format ${file}`);
    writeFileSync(file, Buffer.alloc(BLOCK_MAX, 'x'));
    thrown(() => open(source), 'SDM_BLOCK_FOREIGN');
    writeFileSync(file, Buffer.alloc(BLOCK_MAX, 0xff));
    expect(thrown(() => open(source), 'SDM_BLOCK_FOREIGN').message).toContain('all ones');
    thrown(() => open({ path: scratch }, { writable: false }), 'SDM_INPUT');
    execFileSync('mkfifo', [join(scratch, 'fifo')]);
    thrown(() => open({ path: join(scratch, 'fifo') }), 'SDM_INPUT');
  });

  test.each([
    ['SDM_BLOCK_VERSION', REG.ID, 0x504d4453n | (2n << 32n)],
    ['SDM_BLOCK_INVALID', REG.NPORTS, 0n],
    ['SDM_BLOCK_INVALID', REG.NPORTS, 513n],
    ['SDM_BLOCK_INVALID', REG.NPORTS, (1n << 58n) + 1n],
    ['SDM_BLOCK_INVALID', REG.NTRANSCEIVERS, 17n],
    ['SDM_BLOCK_INVALID', REG.GRANULE, 0n],
    ['SDM_BLOCK_INVALID', REG.GRANULE, 0x300000n],
    ['SDM_BLOCK_INVALID', REG.WINDOW_SIZE, 0n],
    ['SDM_BLOCK_INVALID', REG.WINDOW_SIZE, (1n << 64n) - 1n],
    ['SDM_BLOCK_INVALID', REG.REMOTE_SIZE, 0n],
  ] as const)('%s for register %i with %i', (code, register, value) => {
    const bytes = readFileSync(formatFile(file));
    bytes.writeBigUInt64LE(value, register);
    writeFileSync(file, bytes);
    thrown(() => open(source), code);
    // And a block that was refused is not left locked.
    native.formatRegisters(source, { profile: 'zynq', force: true });
    withBlock(file, (block) => expect(block.info.nports).toBe(32));
  });

  test('refuses memports that do not fit the file', () => {
    const bytes = readFileSync(formatFile(file, 32));
    writeFileSync(file, bytes.subarray(0, 0x1000 + 32 * 64));
    withBlock(file, ({ info }) => expect(info.nports).toBe(32));
    writeFileSync(file, bytes.subarray(0, 0x1000 + 32 * 64 - 1));
    thrown(() => open(source), 'SDM_BLOCK_INVALID');
  });

  test('has one owner, and any number of readers', () => {
    formatFile(file);
    const block = native.openRegisters(source);
    const { message } = thrown(() => open(source), 'SDM_BLOCK_LOCKED');
    expect(message).toContain(`process ${process.pid}`);
    thrown(() => format(source, { profile: 'zynq', force: true }), 'SDM_BLOCK_LOCKED');
    const reader = native.openRegisters(source, { writable: false });
    expect(reader.info).toEqual(block.info);
    block.close();
    withBlock(file, () => undefined);
    reader.close();
  });

  test('puts the window base into a passive block that has none', () => {
    sparseFile(file, BLOCK_MAX);
    const sizes = { windowSize: 1n << 32n };
    const info = native.formatRegisters(source, { profile: 'generic', ...sizes });
    expect(info.windowBase).toBe(0n);
    const windowBase = 0x80_0000_0000n;
    const block = native.openRegisters(source, { windowBase, writable: false });
    expect(block.info).toMatchObject({ windowBase, windowSize: 1n << 32n, passive: true });
    expect(Object.isFrozen(block.info)).toBe(true);
    block.close();
    thrown(() => open(source, { windowBase: (1n << 64n) - 1n }), 'SDM_BLOCK_INVALID');
    formatFile(file);
    withBlock(file, ({ info: { windowBase: own } }) => expect(own).toBe(0x4_0000_0000n));
  });
});

describe('formatRegisters', () => {
  test('refuses arguments of wrong types and values that cannot be', () => {
    sparseFile(file, BLOCK_MAX);
    for (const options of [undefined, null, {}, { profile: 1 }, { profile: 'zynq', nports: 4n }]) {
      thrown(() => format(source, options), 'SDM_INPUT', TypeError);
    }
    for (const bad of [
      { profile: 'other' },
      { profile: 'generic' },
      { nports: 0 },
      { nports: 513 },
      { ntransceivers: 17 },
      { granule: 3n },
      { granule: 0n },
      { windowSize: 0n },
      { remoteSize: 0n },
      { windowBase: (1n << 64n) - 1n },
    ]) {
      thrown(() => format(source, { profile: 'zynq', ...bad }), 'SDM_INPUT');
    }
    // Nothing was written.
    expect(readFileSync(file).equals(Buffer.alloc(BLOCK_MAX))).toBe(true);
  });

  test('refuses files that are missing, too small or directories', () => {
    const options = { profile: 'zynq', nports: 512 };
    thrown(() => format({ path: join(scratch, 'absent') }, options), 'SDM_NOT_FOUND');
    thrown(() => format({ path: sparseFile(file, 0x2000) }, options), 'SDM_BLOCK_SIZE');
    mkdirSync(join(scratch, 'directory'));
    thrown(() => format({ path: join(scratch, 'directory') }, options), 'SDM_SYSTEM');
  });

  test('keeps what is there unless it is told', () => {
    formatFile(file);
    const again = { profile: 'zynq', nports: 16 };
    expect(thrown(() => format(source, again), 'SDM_BLOCK_FORMATTED').message).toContain(' 0 memp');
    withBlock(file, (block) => {
      block.staging.set([0n, 0x4_0000_0000n, 0x4_0fff_ffffn, 0n, 0n, 0n, 1n]);
      expect(block.program(1)).toBe(0);
    });
    expect(thrown(() => format(source, again), 'SDM_BLOCK_FORMATTED').message).toContain(' 1 memp');
    expect(format(source, { ...again, force: true })).toMatchObject({ nports: 16 });
    withBlock(file, (block) => expect(block.read(0x1000)).toBe(0n));
    writeFileSync(file, Buffer.alloc(BLOCK_MAX, 'x'));
    thrown(() => format(source, again), 'SDM_BLOCK_FOREIGN');
    expect(format(source, { ...again, force: true })).toMatchObject({ nports: 16 });
  });

  test('makes a block without transceivers', () => {
    sparseFile(file, BLOCK_MAX);
    const info = native.formatRegisters(source, { profile: 'zynq', ntransceivers: 0 });
    expect(info).toMatchObject({ ntransceivers: 0, features: 0x11n });
    withBlock(file, (block) => {
      expect(block.read(REG.LINK_STATUS)).toBe(0n);
      thrown(() => block.resetLink(0), 'SDM_INPUT');
    });
  });
});
