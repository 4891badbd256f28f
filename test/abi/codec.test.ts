import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodeOffset,
  featureBits,
  featureNames,
  hasFeature,
  OFFSET_SIGN,
  readHeader,
  readMemport,
  readSnapshot,
  remoteOf,
  snapshotBase,
  snapshotWords,
  stageColumns,
  STATUS,
  stagedStatus,
  statusMeaning,
  statusName,
  transceiverOf,
  writeStaging,
  writeStagingClear,
  type FeatureName,
  type MemportColumns,
  type MemportEntry,
} from '../../src/abi/codec.js';
import { SdmError } from '../../src/common/errors.js';
import { STAGING, STAGING_WORDS } from '../../src/native/types.js';
import { D44_SEGMENTS } from './examples.js';

const MAX = (1n << 64n) - 1n;
const u64 = fc.oneof(
  fc.bigInt({ min: 0n, max: MAX }),
  fc.constantFrom(0n, 1n, OFFSET_SIGN - 1n, OFFSET_SIGN, OFFSET_SIGN + 1n, MAX),
);

function inputDetails(run: () => unknown): Readonly<Record<string, unknown>> {
  try {
    run();
  } catch (error) {
    if (error instanceof SdmError && error.code === 'SDM_INPUT') return error.details ?? {};
    throw error;
  }
  throw new Error('it did not throw');
}

describe('offsets', () => {
  test('values that no register holds are refused, with what was found', () => {
    for (const bad of [-1n, MAX + 1n]) {
      expect(inputDetails(() => encodeOffset(bad, 0n)).asked).toBe('start');
      expect(inputDetails(() => encodeOffset(0n, bad)).asked).toBe('remote');
    }
    expect(inputDetails(() => encodeOffset(-1n, 0n)).found).toBe('-0x1');
    expect(inputDetails(() => encodeOffset(5 as unknown as bigint, 0n)).found).toBe('number 5');
  });

  test('a distance of 2^63 has no offset, one less has', () => {
    expect(encodeOffset(0n, OFFSET_SIGN - 1n)).toBe(OFFSET_SIGN - 1n);
    expect(encodeOffset(OFFSET_SIGN - 1n, 0n)).toBe(MAX);
    expect(inputDetails(() => encodeOffset(0n, OFFSET_SIGN)).found).toContain('0x8000000000000000');
    expect(inputDetails(() => encodeOffset(OFFSET_SIGN, 0n)).expected).toContain('either way');
  });

  test('negative zero reads as zero and is never written', () => {
    expect(remoteOf(7n, OFFSET_SIGN)).toBe(7n);
    fc.assert(fc.property(u64, (a) => encodeOffset(a, a) === 0n));
  });

  test('a result that leaves the 64-bit space is none', () => {
    expect(remoteOf(0n, OFFSET_SIGN | 1n)).toBeUndefined();
    expect(remoteOf(MAX, 1n)).toBeUndefined();
  });

  test('encode and decode are inverse wherever an offset exists', () => {
    fc.assert(
      fc.property(u64, u64, (start, remote) => {
        const distance = remote > start ? remote - start : start - remote;
        if (distance >= OFFSET_SIGN) {
          inputDetails(() => encodeOffset(start, remote));
          return;
        }
        const offset = encodeOffset(start, remote);
        expect(offset >= 0n && offset <= MAX).toBe(true);
        expect(remoteOf(start, offset)).toBe(remote);
      }),
      { numRuns: 2000 },
    );
  });

  test('decode and encode are inverse for every register value but negative zero', () => {
    fc.assert(
      fc.property(u64, u64, (start, offset) => {
        const magnitude = offset & (OFFSET_SIGN - 1n);
        const remote = offset < OFFSET_SIGN ? start + magnitude : start - magnitude;
        if (remote < 0n || remote > MAX) {
          expect(remoteOf(start, offset)).toBeUndefined();
        } else {
          expect(remoteOf(start, offset)).toBe(remote);
          expect(encodeOffset(start, remote)).toBe(magnitude === 0n ? 0n : offset);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("D4.4's example leads to 0x8_0000_0000 plus the index", () => {
    D44_SEGMENTS.forEach(({ startA, offset }, i) => {
      expect(remoteOf(startA, offset)).toBe(0x8_0000_0000n + BigInt(i));
    });
  });
});

describe('staging', () => {
  const entry: MemportEntry = {
    port: 3,
    start: 0x4_0000_0000n,
    end: 0x4_0fff_ffffn,
    remote: 0x8_0000_0000n,
    outId: 1n,
    inId: 2n,
    set: true,
  };

  test('an index, port or field out of range is refused and nothing is written', () => {
    const staging = new BigUint64Array(2 * STAGING_WORDS);
    const attempts: [number, Partial<MemportEntry>, string][] = [
      [2, {}, 'entry of the staging buffer'],
      [-1, {}, 'entry of the staging buffer'],
      [0.5, {}, 'entry of the staging buffer'],
      [0, { port: 512 }, 'port'],
      [0, { port: -1 }, 'port'],
      [0, { start: -1n }, 'start'],
      [0, { end: MAX + 1n }, 'end'],
      [0, { remote: -1n }, 'remote'],
      [0, { outId: -1n }, 'outId'],
      [0, { inId: MAX + 1n }, 'inId'],
    ];
    for (const [index, fields, asked] of attempts) {
      const details = inputDetails(() => writeStaging(staging, index, { ...entry, ...fields }));
      expect(details.asked).toBe(asked);
    }
    expect(inputDetails(() => stagedStatus(staging, 2)).asked).toBe('entry of the staging buffer');
    expect(staging.every((word) => word === 0n)).toBe(true);
  });

  test('an entry to clear has nothing but its port', () => {
    const staging = new BigUint64Array(STAGING_WORDS).fill(MAX);
    writeStagingClear(staging, 0, 9);
    expect([...staging]).toEqual([9n, 0n, 0n, 0n, 0n, 0n, 0n, 0n]);
  });

  test('columns that are too short are refused', () => {
    const column = new BigUint64Array(2);
    const columns = {
      port: column,
      start: column,
      end: column,
      offset: column,
      outId: column,
      inId: new BigUint64Array(1),
    };
    const staging = new BigUint64Array(2 * STAGING_WORDS).fill(MAX);
    expect(inputDetails(() => stageColumns(staging, columns, 2)).asked).toBe('count');
    const long = { ...columns, inId: column };
    expect(inputDetails(() => stageColumns(staging, long, 3)).asked).toBe('count');
    expect(staging.every((word) => word === MAX)).toBe(true);
  });

  test('columns stage what single entries stage', () => {
    const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 511 }), u64, u64, u64, u64), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(rows, (values) => {
        const entries = values.map(([port, at, end, outId, inId]): MemportEntry => {
          return { port, start: at, end, remote: at ^ 0xffffn, outId, inId, set: true };
        });
        const column = (value: (entry: MemportEntry) => bigint): BigUint64Array =>
          BigUint64Array.from(entries, value);
        const columns: MemportColumns = {
          port: column((entry) => BigInt(entry.port)),
          start: column((entry) => entry.start),
          end: column((entry) => entry.end),
          offset: column((entry) => encodeOffset(entry.start, entry.remote)),
          outId: column((entry) => entry.outId),
          inId: column((entry) => entry.inId),
        };
        const one = new BigUint64Array(8 * STAGING_WORDS);
        const other = new BigUint64Array(8 * STAGING_WORDS);
        entries.forEach((entry, i) => writeStaging(one, i, entry));
        stageColumns(other, columns, entries.length);
        expect(other).toEqual(one);
      }),
    );
  });

  test('what is written is what the words say, and the neighbours stay', () => {
    const entries = fc.record({
      port: fc.integer({ min: 0, max: 511 }),
      start: u64,
      end: u64,
      outId: u64,
      inId: u64,
      remote: u64,
      set: fc.boolean(),
    });
    fc.assert(
      fc.property(entries, fc.integer({ min: 0, max: 3 }), (fields, index) => {
        const near = { ...fields, remote: fields.start };
        const staging = new BigUint64Array(4 * STAGING_WORDS).fill(MAX);
        writeStaging(staging, index, near);
        const at = (word: number): bigint => staging[index * STAGING_WORDS + word]!;
        expect(Number(at(STAGING.PORT))).toBe(near.port);
        expect(at(STAGING.START)).toBe(near.start);
        expect(at(STAGING.END)).toBe(near.end);
        expect(remoteOf(near.start, at(STAGING.OFFSET))).toBe(near.remote);
        expect(at(STAGING.OUT_ID)).toBe(near.outId);
        expect(at(STAGING.IN_ID)).toBe(near.inId);
        expect(at(STAGING.SET)).toBe(near.set ? 1n : 0n);
        expect(stagedStatus(staging, index)).toBe(STATUS.INACTIVE);
        const others = [...staging.keys()].filter((i) => Math.floor(i / STAGING_WORDS) !== index);
        expect(others.every((i) => staging[i] === MAX)).toBe(true);
      }),
    );
  });
});

describe('snapshots', () => {
  test('words that are no block are refused with the command that formats one', () => {
    const words = new BigUint64Array(snapshotWords(1));
    expect(inputDetails(() => readHeader(words)).expected).toContain('registers format');
    words[0] = (2n << 32n) | 0x504d4453n;
    expect(inputDetails(() => readHeader(words))).toMatchObject({ found: '2' });
    expect(inputDetails(() => readHeader(words.subarray(0, 31))).found).toBe('31 words');
    words[0] = (1n << 32n) | 0x504d4453n;
    words[2] = 513n;
    expect(inputDetails(() => readHeader(words)).asked).toBe('NPORTS');
    words[2] = 1n;
    words[8] = 17n;
    expect(inputDetails(() => readHeader(words)).asked).toBe('NTRANSCEIVERS');
    expect(inputDetails(() => readMemport(words, 33)).found).toBe('33');
    expect(inputDetails(() => readMemport(words, -1)).found).toBe('-1');
  });

  test('registers can hold anything: reading them never fails', () => {
    fc.assert(
      fc.property(fc.bigUint64Array({ minLength: 8, maxLength: 8 }), (words) => {
        const memport = readMemport(words, 0);
        expect(memport.start).toBe(words[0]);
        expect(memport.set).toBe(words[5] !== 0n);
        expect(memport.remote).toBe(remoteOf(memport.start, memport.offset));
      }),
    );
  });

  test('all memports of a snapshot are found', () => {
    const words = new BigUint64Array(snapshotWords(3));
    words.set([(1n << 32n) | 0x504d4453n, featureBits('transceivers'), 3n]);
    words.set([2n, 0b10n], 8);
    words[snapshotBase(2)] = 0x1000n;
    const { header, memports } = readSnapshot(words);
    expect(memports.map((memport) => memport.start)).toEqual([0n, 0n, 0x1000n]);
    expect(header.linkStatus).toBe(0b10n);
  });
});

describe('names', () => {
  test('a status that this version does not know still has a name and a sentence', () => {
    expect(statusName(37)).toBe('unknown-37');
    expect(statusMeaning(37)).toContain('37');
  });

  test('every status has a name and a meaning of its own', () => {
    const codes = Object.values(STATUS);
    expect(new Set(codes.map(statusMeaning)).size).toBe(codes.length);
    expect(codes.map(statusName)).toContain('alignment');
  });

  test('features and their bits are inverse', () => {
    const all: FeatureName[] = ['translation', 'requests', 'transceivers', 'interrupts', 'passive'];
    expect(featureNames(MAX)).toEqual(all);
    fc.assert(
      fc.property(fc.subarray(all), (names) => {
        expect(featureNames(featureBits(...names))).toEqual(names);
        expect(all.filter((name) => hasFeature(featureBits(...names), name))).toEqual(names);
      }),
    );
  });

  test('the emulated route is OUT_ID mod NTRANSCEIVERS where there are transceivers', () => {
    const features = featureBits('transceivers');
    expect(transceiverOf(188440n, { features, ntransceivers: 4 })).toBe(0);
    expect(transceiverOf(MAX, { features, ntransceivers: 16 })).toBe(15);
    expect(transceiverOf(1n, { features, ntransceivers: 0 })).toBeUndefined();
    expect(transceiverOf(1n, { features: 0n, ntransceivers: 4 })).toBeUndefined();
  });
});
