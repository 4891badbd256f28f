import { describe, expect, test } from 'vitest';
import { waitFor } from '../../src/common/wait.js';

describe('waitFor', () => {
  test('without any time it looks once, and says what it waited for', async () => {
    let looks = 0;
    const look = (): undefined => void looks++;
    await expect(waitFor('the moon', look, { timeoutMs: 0 })).rejects.toMatchObject({
      code: 'SDM_TIMEOUT',
      message: 'waited 0 ms for the moon',
      details: { what: 'the moon', timeoutMs: 0 },
    });
    expect(looks).toBe(1);
  });

  test('looks again until something is found, false included', async () => {
    const seen = [undefined, undefined, false];
    const wait = { timeoutMs: 10_000, intervalMs: 1 };
    expect(await waitFor('it', () => seen.shift(), wait)).toBe(false);
    expect(seen).toEqual([]);
  });

  test('an interval beyond the deadline does not put it off', async () => {
    const wait = { timeoutMs: 1, intervalMs: 3_600_000 };
    await expect(waitFor('it', () => undefined, wait)).rejects.toMatchObject({
      code: 'SDM_TIMEOUT',
    });
  });

  test('what the look throws ends it, and so does the signal', async () => {
    const wait = { timeoutMs: 3_600_000, intervalMs: 3_600_000 };
    const fails = waitFor('it', () => Promise.reject(new Error('gone')), wait);
    await expect(fails).rejects.toThrow('gone');
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = waitFor('it', () => undefined, { ...wait, signal });
    controller.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await expect(waitFor('it', () => 1, { ...wait, signal })).rejects.toThrow('enough');
  });
});
