import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chooseToFree, segmentsFor } from '../../../src/controller/platforms/choose.js';

const sum = (all: readonly { readonly count: number }[]): number =>
  all.reduce((total, { count }) => total + count, 0);

/** The smallest sum of any subset that is not below `segments`. */
function leastAbove(counts: readonly number[], segments: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let mask = 0; mask < 1 << counts.length; mask++) {
    const total = counts.reduce((all, count, i) => all + ((mask >> i) & 1) * count, 0);
    if (total >= segments) best = Math.min(best, total);
  }
  return best;
}

const counts = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 9 });

test('frees as little above the size as whole attachments allow', () => {
  fc.assert(
    fc.property(counts, fc.integer({ min: 1, max: 60 }), (each, segments) => {
      const all = each.map((count, id) => ({ id, count }));
      const chosen = chooseToFree(all, segments);
      if (segments >= sum(all)) expect(chosen).toEqual(all);
      else expect(sum(chosen)).toBe(leastAbove(each, segments));
      expect(new Set(chosen).size).toBe(chosen.length);
    }),
  );
});

test('takes the newest where there is a choice', () => {
  const all = [1, 1, 1, 1].map((count, id) => ({ id, count }));
  expect(chooseToFree(all, 2).map(({ id }) => id)).toEqual([2, 3]);
});

test('takes the newest of what is too much to choose from exactly', () => {
  const all = [4000, 3000, 2000].map((count, id) => ({ id, count }));
  expect(chooseToFree(all, 2500).map(({ id }) => id)).toEqual([1, 2]);
});

test('a size is rounded up to segments, and none is refused', () => {
  expect(segmentsFor('0x1', 1n << 28n, 'size')).toBe(1);
  expect(segmentsFor('0x10000001', 1n << 28n, 'size')).toBe(2);
  expect(() => segmentsFor('0x0', 1n << 28n, 'size')).toThrow(/more than 0 bytes/);
});
