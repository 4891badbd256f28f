import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import {
  BLOCK_MAX,
  FEATURE,
  fromBuffer,
  MEMPORT_BASE,
  MEMPORT_STRIDE,
  readSnapshot,
  REG,
  snapshotWords,
  STATUS,
  toBuffer,
} from '../../src/abi/codec.js';
import { native, STAGING, STAGING_WORDS, type RegisterBlock } from '../../src/native/index.js';
import { D44_ACTIVE, D44_NET, D44_REFUSED, D44_SEGMENTS, EMPTY, formatted } from './examples.js';
import { Model, type Request } from './model.js';
import { anyRequest, often } from './requests.js';

const directory = mkdtempSync('/dev/shm/sdm-abi-test-');
const file = path.join(directory, 'registers');
const source = { path: file };
const POOL = 4n << 30n;

afterAll(() => rmSync(directory, { recursive: true, force: true }));

beforeEach(() => {
  writeFileSync(file, '');
  truncateSync(file, BLOCK_MAX);
});

/** Runs with an open block, closed whatever happens. */
function withBlock<T>(work: (block: RegisterBlock) => T): T {
  const block = native.openRegisters(source);
  try {
    return work(block);
  } finally {
    block.close();
  }
}

/** Programs requests in one call and gives each STATUS. */
function program(block: RegisterBlock, requests: readonly Request[]): number[] {
  requests.forEach(({ port, start, end, offset, outId, inId, set }, i) => {
    const words = [BigInt(port), start, end, offset, outId, inId, set ? 1n : 0n, 0n];
    block.staging.set(words, i * STAGING_WORDS);
  });
  block.program(requests.length);
  return requests.map((_, i) => Number(block.staging[i * STAGING_WORDS + STAGING.STATUS]));
}

describe('the addon and the codec', () => {
  test('what the codec refuses, the addon refuses', () => {
    for (const [word, value] of [
      [REG.ID, 0n],
      [REG.ID, 0x504d4454n | (1n << 32n)],
      [REG.ID, 0x504d4453n | (2n << 32n)],
      [REG.NPORTS, 513n],
      [REG.NTRANSCEIVERS, 17n],
    ] as const) {
      const bytes = toBuffer({
        header: formatted('zynq', 0n),
        memports: Array.from({ length: 32 }, () => EMPTY),
      });
      expect(() => fromBuffer(bytes)).not.toThrow();
      bytes.writeBigUInt64LE(value, word);
      expect(() => fromBuffer(bytes)).toThrow();
      writeFileSync(file, bytes);
      expect(() => native.openRegisters(source)).toThrow();
    }
  });

  test('agree on what the zynq profile formats', () => {
    const info = native.formatRegisters(source, { profile: 'zynq' });
    const { header, memports } = fromBuffer(readFileSync(file));
    expect(header).toEqual(formatted('zynq', 0n));
    expect(memports).toEqual(Array.from({ length: 32 }, () => EMPTY));
    expect(info).toMatchObject({ nports: 32, granule: 0x1000_0000n, passive: true });
  });

  test('agree on what the generic profile formats for a pool', () => {
    const sizes = { windowSize: POOL, remoteSize: POOL };
    native.formatRegisters(source, { profile: 'generic', ...sizes });
    expect(fromBuffer(readFileSync(file)).header).toEqual(formatted('generic', POOL));
  });

  test('agree on every field that can be asked for', () => {
    const asked = {
      nports: 512,
      windowBase: 0x123_4560_0000n,
      windowSize: 0x5_0000_0000n,
      remoteSize: 0x77_0000_0000n,
      granule: 0x4000n,
      ntransceivers: 16,
    };
    native.formatRegisters(source, { profile: 'zynq', ...asked });
    const { header } = fromBuffer(readFileSync(file));
    expect(header).toMatchObject({ ...asked, linkStatus: 0xffffn });
    const open = withBlock((block) => block.info);
    expect(open).toMatchObject({ ...asked, version: header.version, features: header.features });
    expect(open.passive).toBe(((header.features >> BigInt(FEATURE.PASSIVE)) & 1n) === 1n);
  });

  test("agree on D4.4's first two segments as the document shows them", () => {
    native.formatRegisters(source, { profile: 'zynq' });
    const ids = { outId: D44_NET, inId: D44_NET, set: true };
    const requests = D44_SEGMENTS.slice(0, 2).map(({ startA: start, endA: end, offset }, port) => {
      return { port, start, end, offset, ...ids };
    });
    const statuses = withBlock((block) => program(block, requests));
    expect(statuses).toEqual([STATUS.ACTIVE, STATUS.ALIGNMENT]);
    const { memports } = fromBuffer(readFileSync(file));
    expect(memports.slice(0, 3)).toEqual([D44_ACTIVE, D44_REFUSED, EMPTY]);
  });

  test('agree on where each register is', () => {
    native.formatRegisters(source, { profile: 'zynq' });
    withBlock((block) => {
      const bytes = Buffer.alloc(BLOCK_MAX);
      for (let at = 0; at < MEMPORT_BASE + 32 * MEMPORT_STRIDE; at += 8) {
        bytes.writeBigUInt64LE(block.read(at), at);
      }
      expect(bytes.equals(readFileSync(file))).toBe(true);
      block.writeEpoch(7n);
      block.resetLink(2);
      expect(fromBuffer(readFileSync(file)).header).toMatchObject({ epoch: 7n, linkReset: 4n });
    });
  });
});

describe('the device that the addon is for a passive block', () => {
  const granule = 2n << 20n;
  const base = { windowBase: 0x8000_0000n, windowSize: 8n * granule, granule };
  const remoteSize = 32n * granule;

  const request = anyRequest({ ...base, remoteSize, nports: 4 });
  const batches = fc.array(fc.array(request, { minLength: 1, maxLength: 4 }), { maxLength: 4 });
  const links = often(fc.constant(15n), fc.bigInt({ min: 0n, max: 15n }));

  test.each([
    ['generic', 'without translation'],
    ['zynq', 'with translation'],
  ] as const)('does what the document says: %s, %s', (profile, _way) => {
    fc.assert(
      fc.property(batches, links, (asked, linkStatus) => {
        native.formatRegisters(source, { profile, ...base, remoteSize, nports: 4, force: true });
        const bytes = readFileSync(file);
        bytes.writeBigUInt64LE(linkStatus, REG.LINK_STATUS);
        writeFileSync(file, bytes);
        const model = new Model(fromBuffer(bytes).header);
        withBlock((block) => {
          for (const batch of asked) {
            const expected = batch.map((each) => model.apply(each));
            expect(program(block, batch)).toEqual(expected);
          }
          const words = new BigUint64Array(snapshotWords(4));
          block.snapshot(words);
          expect(readSnapshot(words).memports).toEqual(model.memports);
        });
        expect(fromBuffer(readFileSync(file)).memports).toEqual(model.memports);
      }),
      { numRuns: 400 },
    );
  });
});
