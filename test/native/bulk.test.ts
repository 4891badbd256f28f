import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getEventListeners } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { native, type BulkOptions, type MemoryMap } from '../../src/native/index.js';
import { any, isMapped, makeScratch, rejected, sparseFile, thrown, until } from './support.js';

const scratch = makeScratch();
const MIB = 1n << 20n;
const SIZE = 5n * MIB + 4096n;
const WORD = 0x0123_4567_89ab_cdefn;

/** So large that a call over it never ends before it is told to; only touched pages take memory. */
const ENDLESS = 64n << 30n;

let files = 0;

/** A mapping of a new file of zeros, closed after the test. */
function fresh(length = SIZE, writable = true): MemoryMap & { readonly path: string } {
  files += 1;
  const path = sparseFile(join(scratch, `pool-${files}`), Number(length));
  const map = native.mapMemory({ path, length, writable });
  onTestFinished(() => map.close());
  return Object.assign(map, { path });
}

type Call = (map: MemoryMap, options?: BulkOptions) => Promise<unknown>;

/** Every bulk call, over one mapping. */
const CALLS: Record<string, Call> = {
  fill: (map, options) => map.fill(0n, options),
  copyFrom: (map, options) => map.copyFrom(fresh(map.length), options?.offset ?? 0n, options),
  checksum: (map, options) => map.checksum(options),
  compare: (map, options) => map.compare(map, options?.offset ?? 0n, options),
  findOther: (map, options) => map.findOther(0n, options),
};

describe.each(Object.entries(CALLS))('%s', (name, call) => {
  test('rejects arguments of wrong types', async () => {
    const map = fresh();
    for (const options of [null, 1, 'all', { offset: 0 }, { length: 8 }, { onProgress: 1 }]) {
      await rejected(() => call(map, any(options)), 'SDM_INPUT', TypeError);
    }
    for (const signal of [null, 1, {}, { aborted: false }, new EventTarget()]) {
      await rejected(() => call(map, any({ signal })), 'SDM_INPUT', TypeError);
    }
    const boom = new Error('boom');
    const trap = {
      get length(): bigint {
        throw boom;
      },
    };
    await expect(call(map, trap)).rejects.toBe(boom);
  });

  test('rejects ranges that are unaligned or outside', async () => {
    const map = fresh();
    await rejected(() => call(map, { offset: 4n }), 'SDM_ALIGNMENT');
    await rejected(() => call(map, { length: 4n }), 'SDM_ALIGNMENT');
    await rejected(() => call(map, { length: SIZE + 8n }), 'SDM_RANGE');
    await rejected(() => call(map, { offset: 8n, length: SIZE }), 'SDM_RANGE');
    await rejected(() => call(map, { offset: SIZE + 8n }), 'SDM_RANGE');
    await rejected(() => call(map, { offset: 8n, length: (1n << 64n) - 8n }), 'SDM_RANGE');
    await rejected(() => call(map, { offset: -8n }), 'SDM_INPUT');
    await rejected(() => call(map, { length: 1n << 64n }), 'SDM_INPUT');
  });

  test('does nothing over nothing', async () => {
    const expected: Record<string, unknown> = {
      checksum: 0xef46_db37_51d8_e999n, // XXH64 of nothing
      compare: -1n,
      findOther: -1n,
    };
    expect(await call(fresh(), { length: 0n })).toBe(expected[name]);
    expect(await call(fresh(), { offset: SIZE })).toBe(expected[name]);
  });

  test('is refused by a closed mapping', async () => {
    const map = fresh();
    map.close();
    await rejected(() => call(map), 'SDM_CLOSED');
  });

  test('is refused by a signal that has fired', async () => {
    const reason = new Error('enough');
    const error = await rejected(
      () => call(fresh(), { signal: AbortSignal.abort(reason) }),
      'SDM_ABORTED',
    );
    expect(error.cause).toBe(reason);
  });

  test('is refused by a signal whose reason cannot be had', async () => {
    const signal = AbortSignal.abort();
    Object.defineProperty(signal, 'reason', {
      get: () => {
        throw new Error('no reason');
      },
    });
    expect(await rejected(() => call(fresh(), { signal }), 'SDM_ABORTED')).not.toHaveProperty(
      'cause',
    );
  });

  test('tells how far it is, at last all of it', async () => {
    const told: bigint[] = [];
    await call(fresh(), { onProgress: (done) => told.push(done) });
    expect(told.length).toBeGreaterThan(0);
    expect(told).toEqual([...told].sort((a, b) => Number(a - b)));
    expect(new Set(told).size).toBe(told.length);
    expect(told.at(-1)).toBe(SIZE);
  });

  test('leaves no listener behind', async () => {
    const { signal } = new AbortController();
    await call(fresh(), { signal });
    await until('the listener to go', () => getEventListeners(signal, 'abort').length === 0);
  });

  test('leaves no listener behind, nor loses the error, when an option is wrong', async () => {
    const { signal } = new AbortController();
    await rejected(() => call(fresh(), any({ signal, onProgress: 1 })), 'SDM_INPUT', TypeError);
    const boom = new Error('boom');
    const trap = {
      signal,
      get onProgress(): undefined {
        throw boom;
      },
    };
    await expect(call(fresh(), any(trap))).rejects.toBe(boom);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('results', () => {
  test('fill keeps to its range', async () => {
    const map = fresh();
    await map.fill(WORD, { offset: 8n, length: SIZE - 16n });
    expect(await map.findOther(WORD)).toBe(0n);
    expect(await map.findOther(WORD, { offset: 8n })).toBe(SIZE - 8n);
    expect(await map.findOther(WORD, { offset: 8n, length: SIZE - 16n })).toBe(-1n);
    const bytes = Buffer.alloc(24);
    map.read(0n, bytes);
    expect(bytes.readBigUInt64LE(0)).toBe(0n);
    expect(bytes.readBigUInt64LE(8)).toBe(WORD);
  });

  test('words are 64 bits', async () => {
    const map = fresh();
    for (const word of [-1n, 1n << 64n]) await rejected(() => map.fill(word), 'SDM_INPUT');
    await rejected(() => map.fill(any(1)), 'SDM_INPUT', TypeError);
    await rejected(() => map.findOther(any(undefined)), 'SDM_INPUT', TypeError);
    await map.fill((1n << 64n) - 1n);
    expect(await map.findOther((1n << 64n) - 1n)).toBe(-1n);
  });

  test('findOther and compare point at the place', async () => {
    const map = fresh();
    const other = fresh();
    for (const at of [0n, 4096n, MIB, 3n * MIB + 8n, SIZE - 8n]) {
      map.write(at, Buffer.from('\0\0\0x\0\0\0\0'));
      expect(await map.findOther(0n)).toBe(at);
      expect(await map.compare(other, 0n)).toBe(at + 3n);
      if (at < MIB)
        expect(await map.compare(other, 0n, { offset: at + 8n, length: MIB })).toBe(-1n);
      map.write(at, Buffer.alloc(8));
    }
    expect(await map.compare(other, 0n)).toBe(-1n);
  });

  test('copyFrom copies, from anywhere to anywhere', async () => {
    const from = fresh();
    const to = fresh();
    const bytes = Buffer.from(Array.from({ length: 65536 }, (_, i) => (i * 31) >> 3));
    from.write(MIB - 8n, bytes);
    await to.copyFrom(from, MIB - 8n, { offset: 16n, length: BigInt(bytes.length) });
    const into = Buffer.alloc(bytes.length);
    to.read(16n, into);
    expect(into.equals(bytes)).toBe(true);
    expect(await to.compare(from, MIB - 8n, { offset: 16n, length: 65536n })).toBe(-1n);
    await to.copyFrom(to, 0n, { offset: 2n * MIB, length: 2n * MIB });
    expect(await to.compare(to, 0n, { offset: 2n * MIB, length: 2n * MIB })).toBe(-1n);
  });

  test('copyFrom refuses what overlaps or is no mapping', async () => {
    const map = fresh();
    await rejected(() => map.copyFrom(map, 8n, { offset: 0n, length: 16n }), 'SDM_INPUT');
    await rejected(() => map.copyFrom(map, 0n), 'SDM_INPUT');
    await rejected(() => map.copyFrom(any({}), 0n), 'SDM_FORGED', TypeError);
    await rejected(() => map.compare(any(undefined), 0n), 'SDM_FORGED', TypeError);
    await rejected(() => map.copyFrom(fresh(), any(0)), 'SDM_INPUT', TypeError);
    await rejected(() => map.copyFrom(fresh(4096n), 0n), 'SDM_RANGE');
    const closed = fresh();
    closed.close();
    await rejected(() => map.copyFrom(closed, 0n), 'SDM_CLOSED');
  });

  test('a mapping for reading is not written to', async () => {
    const map = fresh(SIZE, false);
    await rejected(() => map.fill(0n), 'SDM_READ_ONLY');
    await rejected(() => map.copyFrom(fresh(), 0n), 'SDM_READ_ONLY');
    expect(await map.findOther(0n)).toBe(-1n);
  });

  test('checksum is XXH64, as `xxhsum -H64` prints it', async () => {
    const path = join(scratch, 'counting');
    const sum = async (words: number): Promise<bigint> => {
      const bytes = Buffer.alloc(words * 8);
      for (let i = 0; i < words; i += 1) bytes.writeBigUInt64LE(BigInt(i), i * 8);
      writeFileSync(path, bytes);
      const map = native.mapMemory({ path, length: BigInt(words * 8) });
      return map.checksum().finally(() => map.close());
    };
    expect(await sum(1)).toBe(0x34c9_6acd_cadb_1bbbn);
    expect(await sum(4)).toBe(0xd5fe_80bd_05f8_7c8en);
    expect(await sum(1003)).toBe(0xc168_3064_8a2d_b2a9n);
  });

  test('many calls run at once', async () => {
    const maps = Array.from({ length: 8 }, () => fresh());
    await Promise.all(maps.map((map, i) => map.fill(BigInt(i))));
    const found = await Promise.all(maps.map((map, i) => map.findOther(BigInt(i))));
    expect(found).toEqual(maps.map(() => -1n));
  });
});

describe('while a call runs', () => {
  test.each(['fill', 'checksum', 'findOther', 'compare'])('%s can be aborted', async (name) => {
    const map = fresh(ENDLESS);
    const controller = new AbortController();
    const reason = { because: name };
    const error = await rejected(
      () =>
        CALLS[name]!(map, {
          signal: controller.signal,
          onProgress: () => controller.abort(reason),
        }),
      'SDM_ABORTED',
    );
    expect(error.cause).toBe(reason);
  });

  test.each([
    ['an error', new Error('mine')],
    ['anything', 42],
  ])('onProgress ends it by throwing %s', async (_what, value) => {
    let calls = 0;
    const onProgress = (): void => {
      calls += 1;
      throw value;
    };
    await expect(fresh(ENDLESS).findOther(0n, { onProgress })).rejects.toBe(value);
    expect(calls).toBe(1);
  });

  test('a signal whose reason cannot be had aborts as any other', async () => {
    const controller = new AbortController();
    Object.defineProperty(controller.signal, 'reason', {
      get: () => {
        throw new Error('no reason');
      },
    });
    const running = fresh(ENDLESS).findOther(0n, {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await rejected(() => running, 'SDM_ABORTED');
  });

  test('the mapping can be closed: it goes when the call has ended', async () => {
    const map = fresh(ENDLESS);
    const controller = new AbortController();
    let begun = false;
    const running = map.findOther(0n, {
      signal: controller.signal,
      onProgress: () => (begun = true),
    });
    const ended = expect(running).rejects.toMatchObject({ code: 'SDM_ABORTED' });
    await until('the first chunk', () => begun);
    map.close();
    thrown(() => map.read(0n, new Uint8Array(8)), 'SDM_CLOSED');
    await rejected(() => map.checksum(), 'SDM_CLOSED');
    expect(isMapped(map.path)).toBe(true);
    controller.abort();
    await ended;
    await until('the mapping to go', () => !isMapped(map.path));
  });

  test('it can be closed from onProgress', async () => {
    const map = fresh();
    await map.fill(1n, { onProgress: () => map.close() });
    await until('the mapping to go', () => !isMapped(map.path));
  });

  test('the event loop turns', async () => {
    const map = fresh(ENDLESS);
    const controller = new AbortController();
    const running = map.findOther(0n, { signal: controller.signal });
    for (let turn = 0; turn < 10; turn += 1) await new Promise((done) => setImmediate(done));
    controller.abort();
    await expect(running).rejects.toMatchObject({ code: 'SDM_ABORTED' });
  });
});
