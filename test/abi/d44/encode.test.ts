import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodeCommand,
  parseCommand,
  printCommand,
  type Command,
} from '../../../src/abi/d44/index.js';
import { DOCUMENT_EXAMPLE } from './example.js';

test('a remote that no OFFSET leads to is refused', () => {
  const segment = { start: 0n, end: 0xfffn, remote: 1n << 63n, net: 0n };
  expect(() => encodeCommand({ action: 'Add', segments: [segment], cIP: undefined })).toThrow(
    expect.objectContaining({ code: 'SDM_INPUT' }),
  );
});

test("the document's example is printed as the document prints it, but for its line breaks", () => {
  const example = parseCommand(DOCUMENT_EXAMPLE);
  expect(printCommand(example, 'python')).toBe(DOCUMENT_EXAMPLE.replaceAll(/\n ?/g, ' '));
});

test('what JSON numbers do not hold, and what subtracts, is a hex string', () => {
  const segment = { start: 1n << 53n, end: (1n << 53n) + 1n, remote: 0n, net: 7n };
  expect(encodeCommand({ action: 'Add', segments: [segment], cIP: undefined })).toEqual({
    action: 'Add',
    segments: [
      {
        endA: '0x20000000000001',
        net: 7,
        startA: '0x20000000000000',
        offset: '0x8020000000000000',
      },
    ],
  });
});

const U64 = (1n << 64n) - 1n;
const HALF = 1n << 63n;
const address = fc.oneof(fc.bigInt(0n, U64), fc.bigInt(0n, 1n << 54n), fc.bigInt(0n, 64n));
const segment = fc
  .record({
    start: address,
    size: fc.oneof(fc.bigInt(1n, 16n), fc.bigInt(1n, U64)),
    remote: address,
    net: address,
  })
  .filter(
    ({ start, size, remote }) =>
      start + size <= U64 + 1n &&
      remote + size <= U64 + 1n &&
      remote - start < HALF &&
      start - remote < HALF,
  )
  .map(({ start, size, remote, net }) => ({ start, end: start + size - 1n, remote, net }));

/** Those that overlap an earlier one are left out: a command has none. */
function apart<S extends { readonly start: bigint; readonly end: bigint }>(segments: S[]): S[] {
  return segments.filter((one, i) =>
    segments.slice(0, i).every((other) => other.end < one.start || one.end < other.start),
  );
}

const cIP = fc.option(fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }), {
  nil: undefined,
});
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    action: fc.constant('Add' as const),
    segments: fc.array(segment, { minLength: 1, maxLength: 6 }).map(apart),
    cIP,
  }),
  fc.record({
    action: fc.constant('Remove' as const),
    segments: fc
      .array(
        fc
          .record({ segment, remote: fc.boolean(), net: fc.boolean() })
          .map(({ segment: one, ...with_ }) => ({
            ...one,
            remote: with_.remote ? one.remote : undefined,
            net: with_.net ? one.net : undefined,
          })),
        { minLength: 1, maxLength: 6 },
      )
      .map(apart),
    cIP,
  }),
);

describe('whatever the command', () => {
  test.each(['json', 'python'] as const)('%s is read as it was printed', (form) => {
    fc.assert(
      fc.property(command, (value) => {
        expect(parseCommand(printCommand(value, form))).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });
});
