import { describe, expect, test } from 'vitest';
import { fuzz, type Outcome, type Target } from './fuzzer.js';

const target = (run: Target['run']): Target => ({
  seeds: ['{"a": 1}'],
  dictionary: ['needle', '2', '[]'],
  run,
});

describe('a fuzzer', () => {
  test('tells the text and the seed of a failure, and finds it again', () => {
    const run = (text: string): Outcome => {
      if (text.includes('needle')) throw new Error('found it');
      return { name: 'fine', far: false };
    };
    let message = '';
    try {
      fuzz(target(run), 10_000, 7);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toMatch(/^seed 7, text ".*needle.*": Error: found it$/s);
    expect(() => fuzz(target(run), 10_000, 7)).toThrow(message);
  });

  test('builds upon texts that lead somewhere new', () => {
    const run = (text: string): Outcome => {
      const needles = (text.match(/needle/g) ?? []).length;
      return { name: `${needles}`, far: needles > 0 };
    };
    const { executions, outcomes } = fuzz(target(run), 20_000, 1);
    expect(executions).toBe(20_000);
    expect([...outcomes.values()].reduce((sum, count) => sum + count)).toBe(20_000);
    expect(outcomes.size).toBeGreaterThan(8);
  });
});
