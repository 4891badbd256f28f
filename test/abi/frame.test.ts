import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  blockLength,
  BLOCK_MAX,
  fromBuffer,
  NPORTS_MAX,
  NTRANSCEIVERS_MAX,
  toBuffer,
  type BlockHeader,
  type BlockImage,
} from '../../src/abi/codec.js';
import { EMPTY, formatted, memport } from './examples.js';

const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const memports = fc
  .record({
    start: u64,
    end: u64,
    offset: u64,
    outId: u64,
    inId: u64,
    set: fc.boolean(),
    status: fc.nat(),
    faults: u64,
  })
  .map(memport);

const images: fc.Arbitrary<BlockImage> = fc
  .record({
    words: fc.record({
      features: u64,
      windowBase: u64,
      windowSize: u64,
      remoteSize: u64,
      granule: u64,
      epoch: u64,
      linkStatus: u64,
      linkReset: u64,
    }),
    linkDowns: fc.array(u64, { maxLength: NTRANSCEIVERS_MAX }),
    memports: fc.array(memports, { maxLength: 8 }),
  })
  .map(({ words, linkDowns, memports: ports }) => ({
    header: {
      ...words,
      version: 1,
      nports: ports.length,
      ntransceivers: linkDowns.length,
      linkDowns,
    } satisfies BlockHeader,
    memports: ports,
  }));

const small: BlockImage = {
  header: { ...formatted('zynq', 0n), nports: 1 },
  memports: [EMPTY],
};

test('what does not fit together is refused', () => {
  const { header } = small;
  expect(() => toBuffer({ header, memports: [] })).toThrow(/0 memports/);
  expect(() => toBuffer({ header: { ...header, linkDowns: [] }, memports: [EMPTY] })).toThrow(
    /0 link counters/,
  );
  expect(() => toBuffer({ header: { ...header, nports: 513 }, memports: [] })).toThrow(/NPORTS/);
  expect(() => toBuffer({ header: { ...header, ntransceivers: 17 }, memports: [] })).toThrow(
    /NTRANSCEIVERS/,
  );
  expect(() => toBuffer({ header: { ...header, granule: -1n }, memports: [EMPTY] })).toThrow(
    /GRANULE/,
  );
  expect(() => toBuffer(small, blockLength(1) - 8)).toThrow(/length of a block/);
  expect(() => toBuffer(small, blockLength(1) + 1)).toThrow(/length of a block/);
  expect(() => toBuffer(small, BLOCK_MAX + 8)).toThrow(/length of a block/);
});

test('bytes that are no block are refused', () => {
  expect(() => fromBuffer(Buffer.alloc(0))).toThrow(/0 words/);
  expect(() => fromBuffer(Buffer.alloc(BLOCK_MAX))).toThrow(/registers format/);
  expect(() => fromBuffer(toBuffer(small).subarray(0, blockLength(1) - 1))).toThrow(
    /at least 4160/,
  );
});

test('a block survives the way into bytes and back', () => {
  fc.assert(
    fc.property(images, (image) => {
      expect(fromBuffer(toBuffer(image))).toEqual(image);
      expect(fromBuffer(toBuffer(image, blockLength(image.memports.length)))).toEqual(image);
    }),
  );
});

test('bytes at an odd address are read all the same', () => {
  const bytes = toBuffer(small);
  const shifted = new Uint8Array(bytes.length + 1).subarray(1);
  shifted.set(bytes);
  expect(fromBuffer(shifted)).toEqual(small);
});

test('the largest block fits', () => {
  const header = { ...small.header, nports: NPORTS_MAX };
  const image = { header, memports: Array.from({ length: NPORTS_MAX }, () => EMPTY) };
  expect(fromBuffer(toBuffer(image)).memports).toHaveLength(NPORTS_MAX);
});
