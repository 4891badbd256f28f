import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BLOCK_MAX, MEMPORT_BASE } from '../../src/abi/constants.js';
import { native, STAGING, type RegisterBlock } from '../../src/native/index.js';
import { makeScratch } from './support.js';

const file = join(makeScratch(), 'registers');

describe('random blocks', () => {
  const word = fc.oneof(
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    fc.constantFrom(0n, 1n, 2n, 16n, 17n, 512n, 513n, 1n << 63n, (1n << 64n) - 1n, 0x200000n),
  );
  const id = fc.oneof({ weight: 4, arbitrary: fc.constant(0x1_504d_4453n) }, word);

  test('never crash, whatever header and memports say', () => {
    let opened = 0;
    const header = fc.record({
      features: word,
      nports: fc.oneof(fc.bigInt({ min: 1n, max: 600n }), word),
      base: word,
      size: word,
      remote: word,
      granule: fc.oneof(
        fc.integer({ min: 0, max: 63 }).map((bit) => 1n << BigInt(bit)),
        word,
      ),
      transceivers: fc.oneof(fc.bigInt({ min: 0n, max: 17n }), word),
    });
    const property = fc.property(
      id,
      header,
      fc.array(word, { minLength: 64, maxLength: 64 }),
      fc.array(word, { minLength: 32, maxLength: 32 }),
      fc.integer({ min: 0x1000, max: BLOCK_MAX }),
      (identity, fields, memports, entries, length) => {
        const bytes = Buffer.alloc(BLOCK_MAX);
        memports.forEach((value, i) => bytes.writeBigUInt64LE(value, MEMPORT_BASE + i * 8));
        const { features, nports, base, size, remote, granule, transceivers } = fields;
        [identity, features, nports, base, size, remote, granule, 0n, transceivers].forEach(
          (value, i) => bytes.writeBigUInt64LE(value, i * 8),
        );
        writeFileSync(file, bytes.subarray(0, length));
        let block: RegisterBlock;
        try {
          block = native.openRegisters({ path: file });
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^SDM_BLOCK_/) });
          return;
        }
        opened += 1;
        block.snapshot(new BigUint64Array(32 + block.info.nports * 8));
        block.staging.set(entries.slice(0, block.staging.length));
        for (let i = 0; i < Math.min(4, block.info.nports); i += 1) {
          block.staging[i * 8] = entries[i]! % BigInt(block.info.nports);
          block.staging[i * 8 + STAGING.SET] = 1n;
        }
        block.program(Math.min(4, block.info.nports), 0);
        block.close();
      },
    );
    fc.assert(property, { numRuns: 500 });
    expect(opened).toBeGreaterThan(20);
  });
});
