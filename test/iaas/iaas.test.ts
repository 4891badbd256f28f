import { describe, expect, it } from 'vitest';
import { Random } from '../../src/iaas/random.js';
import { runIaas } from '../../src/iaas/run.js';

describe("D4.4's test of platforms", () => {
  it('leaves registers clear, segments zero and the store as at the start', async () => {
    const { rows, checks } = await runIaas({ seed: 20_260_722, platforms: 8, agents: 8 });
    expect(rows.map(({ id }) => id).sort((a, b) => a - b)).toEqual(rows.map((_, i) => i + 1));
    expect(checks).toHaveLength(4);
    for (const { ms } of rows) expect(Object.values(ms).every((each) => each > 0)).toBe(true);
  }, 180_000);

  it('asks for the same with the same seed', () => {
    const numbers = (seed: number): number[] => {
      const random = new Random(seed);
      return Array.from({ length: 100 }, () => random.between(3, 9));
    };
    expect(numbers(7)).toEqual(numbers(7));
    expect(numbers(7)).not.toEqual(numbers(8));
    expect(new Set(numbers(7))).toEqual(new Set([3, 4, 5, 6, 7, 8, 9]));
  });
});
