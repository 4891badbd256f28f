import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_BRICKS } from '../../src/rack/names.js';
import {
  planRack,
  POOL_GRANULE,
  powerOfTwo,
  SHARE_STEP,
  sharesOf,
  type PlanOptions,
} from '../../src/rack/plan.js';

const GIB = 1n << 30n;
const MIB = 1n << 20n;

describe('plan of a rack', () => {
  it.each<[string, PlanOptions]>([
    ['a pool that is no power of two', { bricks: 2, poolSize: 3n * GIB }],
    ['a pool too small for the bricks', { bricks: 8, poolSize: GIB }],
    ['no pool', { bricks: 1, poolSize: 0n }],
    ['a pool beyond the machine', { bricks: 1, poolSize: 1024n * GIB }],
    ['no bricks', { bricks: 0 }],
    ['a brick with too little memory', { bricks: 1, memory: 64n * MIB }],
    ['memory that is not whole MiB', { bricks: 1, memory: 512n * MIB + 1n }],
    ['the distance of a node to itself', { bricks: 1, distances: [10, 20] }],
    ['the distance that means unreachable', { bricks: 1, distances: [20, 255] }],
  ])('refuses %s', (_what, options) => {
    expect(() => planRack(options)).toThrow(expect.objectContaining({ code: 'SDM_INPUT' }));
  });

  it('gives two bricks a pool of 4 GiB and 1920 MiB each', () => {
    const plan = planRack({ bricks: 2 });
    expect(plan.poolSize).toBe(4n * GIB);
    expect(plan.memory).toBe(512n * MIB);
    expect(plan.shares).toEqual([
      { start: 128n * MIB, size: 1920n * MIB, shared: false },
      { start: 2048n * MIB, size: 1920n * MIB, shared: false },
    ]);
    expect(plan.sharedShare).toEqual({ start: 2n * MIB, size: 126n * MIB, shared: true });
  });

  it('never lends the header, never lends twice, and stays within the pool', () => {
    const sizes = fc.integer({ min: 28, max: 38 }).map((bits) => 1n << BigInt(bits));
    const bricks = fc.integer({ min: 1, max: MAX_BRICKS });
    fc.assert(
      fc.property(bricks, fc.option(sizes, { nil: undefined }), (bricks, poolSize) => {
        const least = powerOfTwo(BigInt(bricks + 1) * SHARE_STEP);
        fc.pre(poolSize === undefined || poolSize >= least);
        const plan = planRack({ bricks, ...(poolSize !== undefined && { poolSize }) });
        expect(powerOfTwo(plan.poolSize)).toBe(plan.poolSize);
        let end = POOL_GRANULE;
        for (const share of [plan.sharedShare, ...plan.shares]) {
          expect(share.start).toBeGreaterThanOrEqual(end);
          expect(share.size).toBeGreaterThan(0n);
          end = share.start + share.size;
        }
        expect(end).toBeLessThanOrEqual(plan.poolSize);
        for (const share of plan.shares) {
          expect([share.start % SHARE_STEP, share.size % SHARE_STEP]).toEqual([0n, 0n]);
        }
        // What is left over is less than another step for everyone.
        expect(plan.poolSize - end).toBeLessThan(BigInt(bricks) * SHARE_STEP);
        for (let n = 1; n <= bricks; n++) {
          expect(sharesOf(plan, n)).toEqual([plan.sharedShare, plan.shares[n - 1]]);
        }
      }),
    );
  });
});
