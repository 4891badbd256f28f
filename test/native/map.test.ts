import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { native, type MapOptions, type MemoryMap } from '../../src/native/index.js';
import { any, isMapped, makeScratch, PAGE, sparseFile, thrown } from './support.js';

const scratch = makeScratch();
const file = join(scratch, 'pool');
const SIZE = 2 * 1024 * 1024;

const map = (options: unknown): MemoryMap => native.mapMemory(any<MapOptions>(options));

function withMap<T>(work: (map: MemoryMap) => T, writable = true): T {
  const mapping = map({ path: sparseFile(file, SIZE), length: BigInt(SIZE), writable });
  try {
    return work(mapping);
  } finally {
    mapping.close();
  }
}

describe('mapMemory', () => {
  test('refuses arguments of wrong types', () => {
    sparseFile(file, SIZE);
    const length = 8n;
    for (const options of [undefined, null, file, {}, { path: file }, { path: 1, length }]) {
      thrown(() => map(options), 'SDM_INPUT', TypeError);
    }
    for (const bad of [{ length: 8 }, { offset: 0 }, { offset: null }, { writable: 'yes' }]) {
      thrown(() => map({ path: file, length, ...bad }), 'SDM_INPUT', TypeError);
    }
  });

  test('refuses values that cannot be', () => {
    sparseFile(file, SIZE);
    const length = BigInt(SIZE);
    thrown(() => map({ path: '', length }), 'SDM_INPUT');
    thrown(() => map({ path: `${file}\0`, length }), 'SDM_INPUT');
    thrown(() => map({ path: file, length: -8n }), 'SDM_INPUT');
    thrown(() => map({ path: file, length: 1n << 64n }), 'SDM_INPUT');
    thrown(() => map({ path: file, length: 0n }), 'SDM_RANGE');
    thrown(() => map({ path: file, length: 12n }), 'SDM_ALIGNMENT');
    thrown(() => map({ path: file, length: 8n, offset: 8n }), 'SDM_ALIGNMENT');
    thrown(() => map({ path: file, length: length + 8n }), 'SDM_RANGE');
    thrown(() => map({ path: file, length, offset: BigInt(PAGE) }), 'SDM_RANGE');
    thrown(() => map({ path: file, length: (1n << 64n) - 8n }), 'SDM_RANGE');
    thrown(() => map({ path: file, length: 8n, offset: (1n << 64n) - BigInt(PAGE) }), 'SDM_RANGE');
  });

  test('refuses what is no memory', () => {
    thrown(() => map({ path: join(scratch, 'absent'), length: 8n }), 'SDM_NOT_FOUND');
    thrown(() => map({ path: scratch, length: 8n }), 'SDM_INPUT');
    execFileSync('mkfifo', [join(scratch, 'fifo')]);
    thrown(() => map({ path: join(scratch, 'fifo'), length: 8n }), 'SDM_INPUT');
    const error = thrown(() => map({ path: '/dev/null', length: 8n }), 'SDM_SYSTEM');
    expect(error).toMatchObject({ errno: 19, errnoName: 'ENODEV', syscall: 'mmap' });
  });

  test('maps what was asked for, until it is closed', () => {
    sparseFile(file, SIZE);
    const part = map({ path: file, offset: BigInt(PAGE), length: 16n, writable: true });
    expect(part.length).toBe(16n);
    expect(isMapped(file)).toBe(true);
    part.write(8n, Buffer.from('01234567'));
    expect(readFileSync(file).toString('latin1', PAGE, PAGE + 16)).toBe(
      `${'\0'.repeat(8)}01234567`,
    );
    part.close();
    part.close();
    expect(isMapped(file)).toBe(false);
    thrown(() => part.read(0n, new Uint8Array(8)), 'SDM_CLOSED');
    thrown(() => part.write(0n, new Uint8Array(8)), 'SDM_CLOSED');
    expect(part.length).toBe(16n);
  });
});

describe('read and write', () => {
  test('refuse arguments of wrong types', () => {
    withMap((mapping) => {
      for (const bytes of [undefined, 'text', [], new ArrayBuffer(8), new Uint16Array(4)]) {
        thrown(() => mapping.read(0n, any(bytes)), 'SDM_INPUT', TypeError);
        thrown(() => mapping.write(0n, any(bytes)), 'SDM_INPUT', TypeError);
      }
      thrown(() => mapping.read(any(0), new Uint8Array(8)), 'SDM_INPUT', TypeError);
      thrown(() => mapping.read(-8n, new Uint8Array(8)), 'SDM_INPUT');
    });
  });

  test('refuse what is unaligned, too much or outside', () => {
    withMap((mapping) => {
      thrown(() => mapping.read(4n, new Uint8Array(8)), 'SDM_ALIGNMENT');
      thrown(() => mapping.write(0n, new Uint8Array(7)), 'SDM_ALIGNMENT');
      thrown(() => mapping.read(BigInt(SIZE), new Uint8Array(8)), 'SDM_RANGE');
      thrown(() => mapping.read(BigInt(SIZE) + 8n, new Uint8Array(0)), 'SDM_RANGE');
      thrown(() => mapping.read((1n << 64n) - 8n, new Uint8Array(16)), 'SDM_RANGE');
      thrown(() => mapping.read(0n, new Uint8Array(SIZE / 2 + 8)), 'SDM_RANGE');
    });
  });

  test('give back what was written, also from unaligned arrays', () => {
    withMap((mapping) => {
      const bytes = Uint8Array.from({ length: SIZE / 2 + 3 }, (_, i) => i * 7).subarray(3);
      mapping.write(8n, bytes);
      const into = new Uint8Array(SIZE / 2 + 1).subarray(1);
      mapping.read(8n, into);
      expect(Buffer.compare(into, bytes)).toBe(0);
      mapping.read(BigInt(SIZE), new Uint8Array(0));
    });
  });

  test('read works and write is refused on a mapping for reading', () => {
    withMap((mapping) => {
      mapping.read(0n, new Uint8Array(8));
      thrown(() => mapping.write(0n, new Uint8Array(8)), 'SDM_READ_ONLY');
    }, false);
  });

  test('a detached array has no bytes', () => {
    withMap((mapping) => {
      const bytes = new Uint8Array(8);
      structuredClone(bytes, { transfer: [bytes.buffer] });
      mapping.read(0n, bytes);
      mapping.write(0n, bytes);
    });
  });
});
