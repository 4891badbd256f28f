import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closest } from '../../src/common/closest.js';

const KEYS = ['brick', 'registers', 'pool', 'shares', 'socket', 'socketGroup', 'node'];

describe('closest', () => {
  it.each(['xyz', 'no', 'b', '', 'zzzzzzzzzz', 'kcirb'])('has no guess for %j', (word) => {
    expect(closest(word, KEYS)).toBeUndefined();
  });

  it.each([
    ['brik', 'brick'],
    ['birck', 'brick'],
    ['Pool', 'pool'],
    ['nodes', 'node'],
    ['socketgroup', 'socketGroup'],
    ['socket_group', 'socketGroup'],
    ['register', 'registers'],
  ])('takes %s for %s', (word, key) => {
    expect(closest(word, KEYS)).toBe(key);
  });

  it('finds a key of which one letter is missing', () => {
    const slip = fc.constantFrom(...KEYS).chain((key) => fc.tuple(fc.constant(key), fc.nat(20)));
    fc.assert(
      fc.property(slip, ([key, at]) => {
        const cut = at % key.length;
        const word = key.slice(0, cut) + key.slice(cut + 1);
        fc.pre(word.length >= 3);
        expect(closest(word, KEYS)).toBe(key);
      }),
    );
  });
});
