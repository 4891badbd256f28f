import fc from 'fast-check';
import type { BlockHeader } from '../../src/abi/parser.js';
import { anyOffset, type Request } from './model.js';

/** What a request is good or bad for. */
export type Surroundings = Pick<
  BlockHeader,
  'nports' | 'windowBase' | 'windowSize' | 'remoteSize' | 'granule'
>;

export function often<T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ arbitrary: usual, weight: 5 }, { arbitrary: rare, weight: 1 });
}

/**
 * Requests of which most are good ones, so that some are in the way of others.
 * @param translates whether good ones lead anywhere in the remote space, or to the same place as in
 * the window.
 */
export function anyRequest(around: Surroundings, translates = false): fc.Arbitrary<Request> {
  const { windowBase, windowSize, remoteSize, granule } = around;

  /** Around the limits of window and remote space, and now and then not aligned. */
  const limits = [0n, windowBase, windowBase + windowSize, remoteSize, 1n << 63n];
  const nearLimit = fc
    .tuple(
      fc.constantFrom(...limits),
      fc.bigInt({ min: -3n, max: 3n }),
      fc.constantFrom(0n, 0n, 0n, 0n, -1n, 1n),
    )
    .map(([limit, steps, jitter]) => BigInt.asUintN(64, limit + steps * granule + jitter));
  const inWindow = fc
    .bigInt({ min: 1n, max: windowSize / granule - 1n })
    .map((steps) => windowBase + steps * granule);
  const inRemote = fc
    .bigInt({ min: 0n, max: remoteSize / granule - 2n })
    .map((steps) => steps * granule);
  const sizes = often(
    fc.constantFrom(granule, 2n * granule),
    fc.constantFrom(0n, granule - 1n, 1n << 40n, 1n << 63n),
  );
  const id = fc.bigInt({ min: 0n, max: 9n });

  return fc
    .record({
      port: fc.integer({ min: 0, max: around.nports - 1 }),
      start: often(inWindow, nearLimit),
      size: sizes,
      remote: often(translates ? inRemote : fc.constant(undefined), nearLimit),
      outId: id,
      inId: id,
      set: often(fc.constant(true), fc.constant(false)),
    })
    .map(({ size, remote, ...rest }) => ({
      ...rest,
      end: BigInt.asUintN(64, rest.start + size - 1n),
      offset: anyOffset(rest.start, remote ?? BigInt.asUintN(64, rest.start - windowBase)),
    }));
}
