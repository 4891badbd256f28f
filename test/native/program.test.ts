import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BLOCK_MAX, MEMPORT, MEMPORT_BASE, REG, STATUS } from '../../src/abi/constants.js';
import {
  native,
  SNAPSHOT_HEADER_WORDS,
  SNAPSHOT_PORT_WORDS,
  STAGING,
  STAGING_WORDS,
  type RegisterBlock,
} from '../../src/native/index.js';
import { any, formatFile, makeScratch, sparseFile, thrown, withBlock } from './support.js';

const scratch = makeScratch();
const file = join(scratch, 'registers');
const GRANULE = 0x1000_0000n;
const BASE = 0x4_0000_0000n;

function stage(block: RegisterBlock, entry: number, port: number, range: number, set = 1n): void {
  const start = BASE + BigInt(range) * GRANULE;
  const words = [BigInt(port), start, start + GRANULE - 1n, 0n, 4n, 5n, set, 99n];
  block.staging.set(words, entry * STAGING_WORDS);
}

const statusOf = (block: RegisterBlock, entry: number): number =>
  Number(block.staging[entry * STAGING_WORDS + STAGING.STATUS]);

/** Writes one register behind the addon's back. */
function poke(offset: number, value: bigint): void {
  const bytes = readFileSync(file);
  bytes.writeBigUInt64LE(value, offset);
  writeFileSync(file, bytes);
}

describe('program', () => {
  test('refuses counts and deadlines that cannot be', () => {
    withBlock(formatFile(file), (block) => {
      for (const count of [undefined, null, '1', 1n, {}]) {
        thrown(() => block.program(any(count)), 'SDM_INPUT', TypeError);
      }
      for (const count of [-1, 1.5, 33, 2 ** 32, 2 ** 32 + 1, Number.NaN, Infinity]) {
        thrown(() => block.program(count), 'SDM_INPUT');
      }
      thrown(() => block.program(0, any('1')), 'SDM_INPUT', TypeError);
      for (const deadline of [-1, 1.5, 60_001, Number.NaN]) {
        thrown(() => block.program(0, deadline), 'SDM_INPUT');
      }
      expect(block.program(0)).toBe(0);
      expect(block.program(0, undefined)).toBe(0);
    });
  });

  test('touches nothing when an entry cannot be programmed', () => {
    withBlock(formatFile(file), (block) => {
      const before = readFileSync(file);
      for (const [word, value] of [
        [STAGING.PORT, 32n],
        [STAGING.PORT, 1n << 58n],
        [STAGING.PORT, (1n << 64n) - 1n],
        [STAGING.SET, 2n],
        [STAGING.SET, (1n << 64n) - 1n],
      ] as const) {
        stage(block, 0, 0, 0);
        stage(block, 1, 1, 1);
        block.staging[STAGING_WORDS + word] = value;
        expect(thrown(() => block.program(2), 'SDM_INPUT').message).toContain('entry 1');
        expect(readFileSync(file).equals(before)).toBe(true);
        expect(statusOf(block, 0)).toBe(99);
      }
    });
  });

  test('takes entries in order and reports each', () => {
    withBlock(formatFile(file), (block) => {
      stage(block, 0, 3, 0);
      stage(block, 1, 4, 0); // overlaps
      stage(block, 2, 3, 0, 0n);
      stage(block, 3, 4, 0);
      expect(block.program(4)).toBe(1);
      expect([0, 1, 2, 3].map((entry) => statusOf(block, entry))).toEqual([
        STATUS.ACTIVE,
        STATUS.OVERLAP,
        STATUS.INACTIVE,
        STATUS.ACTIVE,
      ]);
      const port = MEMPORT_BASE + 4 * 64;
      const read = (register: number): bigint => block.read(port + register);
      expect(read(MEMPORT.START)).toBe(BASE);
      expect(read(MEMPORT.END)).toBe(BASE + GRANULE - 1n);
      expect(read(MEMPORT.OUT_ID)).toBe(4n);
      expect(read(MEMPORT.IN_ID)).toBe(5n);
      expect(read(MEMPORT.SET)).toBe(1n);
      expect(read(MEMPORT.STATUS)).toBe(1n);
    });
  });

  test('leaves the fields of an active memport alone', () => {
    withBlock(formatFile(file), (block) => {
      stage(block, 0, 7, 0);
      expect(block.program(1)).toBe(0);
      stage(block, 0, 7, 1);
      expect(block.program(1)).toBe(0);
      expect(block.read(MEMPORT_BASE + 7 * 64 + MEMPORT.START)).toBe(BASE);
    });
  });

  test('programs every memport of the largest block in one call', () => {
    sparseFile(file, BLOCK_MAX);
    const granule = 0x200000n;
    native.formatRegisters({ path: file }, { profile: 'zynq', nports: 512, granule });
    withBlock(file, (block) => {
      for (let port = 0; port < 512; port += 1) {
        const start = BASE + BigInt(port) * granule;
        block.staging.set([BigInt(port), start, start + granule - 1n, 0n, 0n, 0n, 1n], port * 8);
      }
      expect(block.program(512)).toBe(0);
      expect(block.program(512)).toBe(0);
      for (let port = 0; port < 512; port += 1) block.staging[port * 8 + STAGING.SET] = 0n;
      expect(block.program(512)).toBe(0);
    });
  });

  test('waits for logic until its deadline, and says busy', () => {
    formatFile(file);
    poke(REG.FEATURES, 1n); // translation, not passive: nobody answers here
    withBlock(file, (block) => {
      stage(block, 0, 0, 0);
      expect(block.program(1, 5)).toBe(1);
      expect(statusOf(block, 0)).toBe(STATUS.BUSY);
      expect(block.read(MEMPORT_BASE + MEMPORT.SET)).toBe(1n);
    });
    poke(MEMPORT_BASE + MEMPORT.STATUS, 1n);
    withBlock(file, (block) => {
      stage(block, 0, 0, 0);
      expect(block.program(1, 0)).toBe(0);
      expect(statusOf(block, 0)).toBe(STATUS.ACTIVE);
    });
    poke(MEMPORT_BASE + MEMPORT.STATUS, 200n);
    withBlock(file, (block) => {
      stage(block, 0, 0, 0);
      expect(block.program(1)).toBe(1);
      expect(statusOf(block, 0)).toBe(200);
    });
  });

  test('belongs to its block, whatever `this` is', () => {
    withBlock(formatFile(file), (block) => {
      const other = formatFile(join(scratch, 'other'));
      withBlock(other, (second) => {
        const { program } = block;
        stage(block, 0, 1, 0);
        expect(program.call(second, 1)).toBe(0);
        expect(block.read(MEMPORT_BASE + 64 + MEMPORT.SET)).toBe(1n);
        expect(second.read(MEMPORT_BASE + 64 + MEMPORT.SET)).toBe(0n);
        expect(Reflect.apply(program, undefined, [1])).toBe(0);
      });
    });
  });
});

describe('staging', () => {
  test('cannot be detached or replaced', () => {
    withBlock(formatFile(file), (block) => {
      const { staging } = block;
      expect(staging.length).toBe(32 * STAGING_WORDS);
      const buffer = any<ArrayBuffer>(staging.buffer);
      expect(() => structuredClone(staging, { transfer: [buffer] })).toThrow(/transfer/i);
      expect(() => Object.assign(block, { staging: new BigUint64Array(256) })).toThrow(TypeError);
      expect(() => Object.assign(block, { program: () => 0 })).toThrow(TypeError);
      expect(block.staging).toBe(staging);
    });
  });

  test('stays valid after close', () => {
    const staging = withBlock(formatFile(file), (block) => block.staging);
    staging.fill(7n);
    expect(staging[255]).toBe(7n);
  });

  test('is not believed when the globals were replaced', () => {
    formatFile(file);
    const { SharedArrayBuffer: original } = globalThis;
    try {
      Object.assign(globalThis, { SharedArrayBuffer: ArrayBuffer });
      thrown(() => native.openRegisters({ path: file }), 'SDM_INPUT', TypeError);
    } finally {
      Object.assign(globalThis, { SharedArrayBuffer: original });
    }
  });
});

describe('snapshot and read', () => {
  const WORDS = SNAPSHOT_HEADER_WORDS + 32 * SNAPSHOT_PORT_WORDS;

  test('refuse what has no room or is no BigUint64Array', () => {
    withBlock(formatFile(file), (block) => {
      thrown(() => block.snapshot(new BigUint64Array(WORDS - 1)), 'SDM_RANGE');
      for (const into of [undefined, [], new Uint8Array(8 * WORDS), new BigInt64Array(WORDS)]) {
        thrown(() => block.snapshot(any(into)), 'SDM_INPUT', TypeError);
      }
      const detached = new BigUint64Array(WORDS);
      structuredClone(detached, { transfer: [detached.buffer] });
      thrown(() => block.snapshot(detached), 'SDM_RANGE');
    });
  });

  test('read refuses what is no register', () => {
    withBlock(formatFile(file), (block) => {
      for (const offset of [undefined, '8', 8n]) {
        thrown(() => block.read(any(offset)), 'SDM_INPUT', TypeError);
      }
      for (const offset of [-8, 0.5, Number.NaN]) thrown(() => block.read(offset), 'SDM_INPUT');
      for (const offset of [1, 4, 0x1001]) thrown(() => block.read(offset), 'SDM_ALIGNMENT');
      for (const offset of [BLOCK_MAX, 2 ** 40]) thrown(() => block.read(offset), 'SDM_RANGE');
      expect(block.read(BLOCK_MAX - 8)).toBe(0n);
    });
  });

  test('a snapshot is what was written', () => {
    formatFile(file);
    const words = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
    const property = fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: WORDS - 1 }), words), { maxLength: 50 }),
      (writes) => {
        const bytes = readFileSync(file);
        const placeOf = (i: number): number => (i < 32 ? i * 8 : MEMPORT_BASE + (i - 32) * 8);
        for (const [i, word] of writes) {
          if (placeOf(i) >= REG.LINK_STATUS || placeOf(i) === REG.EPOCH) {
            bytes.writeBigUInt64LE(word, placeOf(i));
          }
        }
        writeFileSync(file, bytes);
        const into = new BigUint64Array(WORDS + 1).fill(4711n);
        withBlock(file, (block) => block.snapshot(into));
        for (let i = 0; i < WORDS; i += 1) {
          if (into[i] !== bytes.readBigUInt64LE(placeOf(i))) throw new Error(`word ${i} differs`);
        }
        expect(into[WORDS]).toBe(4711n);
      },
    );
    fc.assert(property, { numRuns: 50 });
  });
});

describe('writeEpoch and resetLink', () => {
  test('refuse values that cannot be', () => {
    withBlock(formatFile(file), (block) => {
      thrown(() => block.writeEpoch(any(1)), 'SDM_INPUT', TypeError);
      thrown(() => block.writeEpoch(-1n), 'SDM_INPUT');
      thrown(() => block.writeEpoch(1n << 64n), 'SDM_INPUT');
      thrown(() => block.resetLink(any(1n)), 'SDM_INPUT', TypeError);
      for (const t of [-1, 4, 1.5]) thrown(() => block.resetLink(t), 'SDM_INPUT');
    });
  });

  test('write one register each', () => {
    withBlock(formatFile(file), (block) => {
      block.writeEpoch((1n << 64n) - 1n);
      expect(block.read(REG.EPOCH)).toBe((1n << 64n) - 1n);
      block.resetLink(0);
      block.resetLink(3);
      expect(block.read(REG.LINK_RESET)).toBe(9n);
    });
  });
});

describe('a block that was opened for reading', () => {
  test('refuses to write and needs no lock', () => {
    formatFile(file);
    const before = readFileSync(file);
    const block = native.openRegisters({ path: file }, { writable: false });
    stage(block, 0, 0, 0);
    thrown(() => block.program(1), 'SDM_READ_ONLY');
    thrown(() => block.writeEpoch(1n), 'SDM_READ_ONLY');
    thrown(() => block.resetLink(1), 'SDM_READ_ONLY');
    expect(block.read(REG.NPORTS)).toBe(32n);
    block.close();
    expect(readFileSync(file).equals(before)).toBe(true);
  });
});

describe('a block that was closed', () => {
  test('refuses every call but close', () => {
    const block = native.openRegisters({ path: formatFile(file) });
    block.close();
    block.close();
    thrown(() => block.program(1), 'SDM_CLOSED');
    thrown(() => block.snapshot(new BigUint64Array(4096)), 'SDM_CLOSED');
    thrown(() => block.read(0), 'SDM_CLOSED');
    thrown(() => block.writeEpoch(1n), 'SDM_CLOSED');
    thrown(() => block.resetLink(0), 'SDM_CLOSED');
    expect(block.info.nports).toBe(32);
  });
});
