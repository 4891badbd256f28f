import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { brickName, checkBrickCount, checkRackName, MAX_BRICKS } from '../../src/rack/names.js';

describe('rack names', () => {
  it.each(['', 'A', 'r.0', 'r0.lock', '-r', 'r-', '../x', 'r/0', 'a b', 'é', 'x'.repeat(33)])(
    'refuses %j',
    (name) => {
      expect(() => checkRackName(name)).toThrow(expect.objectContaining({ code: 'SDM_INPUT' }));
    },
  );

  it('takes what can stand in a path, a host name and an option', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/), (name) => {
        expect(checkRackName(name)).toBe(name);
        expect(brickName(name, MAX_BRICKS).length).toBeLessThanOrEqual(63);
      }),
    );
  });

  it.each([0, -1, 1.5, Number.NaN, MAX_BRICKS + 1])('refuses %d bricks', (bricks) => {
    expect(() => checkBrickCount(bricks)).toThrow(expect.objectContaining({ code: 'SDM_INPUT' }));
  });
});
