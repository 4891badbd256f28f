import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  firstFit,
  inOrder,
  insert,
  overlaps,
  spanText,
  subtract,
  within,
  type Span,
} from '../../../src/agent/attachments/spans.js';

const span = fc
  .tuple(fc.bigInt(0n, 64n), fc.bigInt(1n, 16n))
  .map(([start, length]): Span => ({ start, end: start + length }));

describe('subtract', () => {
  test.each<[string, Span[], [bigint, bigint][]]>([
    ['nothing', [], [[10n, 20n]]],
    ['neighbours', [range(0n, 10n), range(20n, 30n)], [[10n, 20n]]],
    ['all', [range(10n, 20n)], []],
    ['more than all', [range(0n, 15n), range(15n, 40n)], []],
    [
      'the middle',
      [range(12n, 14n)],
      [
        [10n, 12n],
        [14n, 20n],
      ],
    ],
    ['both ends', [range(18n, 99n), range(0n, 11n)], [[11n, 18n]]],
    ['one within another', [range(10n, 19n), range(12n, 14n)], [[19n, 20n]]],
  ])('%s', (_, taken, left) => {
    const parts = subtract(range(10n, 20n), taken);
    expect(parts.map(({ start, end }) => [start, end])).toEqual(left);
  });

  test('leaves exactly the addresses that nothing takes, in order and in pieces that are not empty', () => {
    fc.assert(
      fc.property(span, fc.array(span, { maxLength: 8 }), (from, taken) => {
        const parts = subtract(from, taken);
        for (let at = 0n; at < 90n; at += 1n) {
          const byte = { start: at, end: at + 1n };
          const free = within(byte, from) && !taken.some((other) => within(byte, other));
          expect(parts.filter((part) => within(byte, part)).length).toBe(free ? 1 : 0);
        }
        for (const [i, part] of parts.entries()) {
          expect(part.start).toBeLessThan(part.end);
          if (i > 0) expect(parts[i - 1]!.end).toBeLessThan(part.start);
        }
      }),
    );
  });
});

const spans = fc.array(span, { maxLength: 12 });

describe('order', () => {
  test('comes by starts, and costs nothing where it is there', () => {
    fc.assert(
      fc.property(spans, (list) => {
        const sorted = inOrder(list);
        expect(inOrder(sorted)).toBe(sorted);
        expect(sorted.map(({ start }) => start)).toEqual(
          list.map(({ start }) => start).sort((a, b) => Number(a - b)),
        );
      }),
    );
  });

  test('is kept by what is inserted', () => {
    fc.assert(
      fc.property(spans, (list) => {
        const sorted: Span[] = [];
        for (const each of list) insert(sorted, each);
        expect(inOrder(sorted)).toBe(sorted);
        expect(new Set(sorted)).toEqual(new Set(list));
      }),
    );
  });
});

describe('first fit', () => {
  test('is the lowest of all multiples that are free, in any order of what is taken', () => {
    const small = fc.bigInt(1n, 8n);
    const shifts = fc.bigInt(0n, 20n);
    fc.assert(
      fc.property(
        span,
        small,
        small,
        spans,
        shifts,
        spans,
        (into, size, unit, taken, shift, up) => {
          const above = up.map(({ start, end }) => ({ start: start + shift, end: end + shift }));
          let lowest: bigint | undefined;
          for (let at = into.start; at + size <= into.end && lowest === undefined; at += 1n) {
            const here = { start: at, end: at + size };
            const free = ![...taken, ...up].some((other) => overlaps(other, here));
            if ((at + shift) % unit === 0n && free) lowest = at;
          }
          expect(firstFit(into, size, unit, taken, shift, above)).toBe(lowest);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

test('a span is written with its last address', () => {
  expect(spanText({ start: 0x1000n, end: 0x2000n })).toBe('0x1000-0x1fff');
});

function range(start: bigint, end: bigint): Span {
  return { start, end };
}
