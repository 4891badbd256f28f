import { describe, expect, test } from 'vitest';
import { checkAdd, parseCommand, type AddCommand } from '../../../src/abi/d44/index.js';
import { DOCUMENT_EXAMPLE } from './example.js';

const UNIT = 0x1000_0000n;
const example = parseCommand(DOCUMENT_EXAMPLE) as AddCommand;

function command(...segments: [start: bigint, size: bigint, remote: bigint][]): AddCommand {
  return {
    action: 'Add',
    cIP: undefined,
    segments: segments.map(([start, size, remote]) => ({
      start,
      end: start + size - 1n,
      remote,
      net: 0n,
    })),
  };
}

describe("the document's example", () => {
  test('with alignment checked: segment, misalignment, what was expected and why', () => {
    expect(() => checkAdd(example, { unit: UNIT, remoteOverlap: true })).toThrow(
      expect.objectContaining({
        code: 'SDM_INPUT',
        message:
          'segments[0] (startA 0x430000000): remote 0x800000003 is 0x3 past a multiple of ' +
          '0x10000000; expected 0x830000000: the segments follow each other, but their remotes are ' +
          '0x800000000 and +1, +2, +3; the generator added the index where index times size was ' +
          'meant. Correct the command, or let the agent take what the hardware takes: "checks": ' +
          '{"alignment": false, "remoteOverlap": false} in its configuration',
        details: {
          segment: 0,
          startA: '0x430000000',
          key: 'remote',
          found: '0x800000003',
          past: '0x3',
          unit: '0x10000000',
          expected: '0x830000000',
        },
      }),
    );
  });

  test('in the order of addresses the second segment is the first to be wrong', () => {
    const sorted = { ...example, segments: example.segments.toReversed() };
    expect(() => checkAdd(sorted, { unit: UNIT, remoteOverlap: true })).toThrow(
      /^segments\[1\] \(startA 0x410000000\): remote 0x800000001 is 0x1 past .* expected 0x810000000:/,
    );
  });

  test('with overlap alone checked', () => {
    expect(() => checkAdd(example, { unit: undefined, remoteOverlap: true })).toThrow(
      /^segments\[2\] \(startA 0x410000000\): remote 0x800000001-0x810000000 overlaps that of segments\[3\], 0x800000000-0x80fffffff: .*"remoteOverlap": false/,
    );
  });

  test('with neither it passes', () => {
    expect(checkAdd(example, { unit: undefined, remoteOverlap: false })).toBeUndefined();
  });
});

describe('alignment', () => {
  test.each<[string, AddCommand, RegExp]>([
    [
      'startA',
      command([UNIT + 8n, UNIT, 0n]),
      /startA 0x10000008 is 0x8 past a multiple of 0x10000000; expected 0x10000000\. Correct/,
    ],
    [
      'the size',
      command([UNIT, UNIT + 8n, 0n]),
      /size 0x10000008 is 0x8 past a multiple of 0x10000000; expected 0x10000000\. Correct/,
    ],
    [
      'endA given as the address after the last one',
      command([UNIT, UNIT + 1n, 0n]),
      /expected 0x10000000: endA is the last address, and 0x1fffffff would be it\. Correct/,
    ],
    [
      'remote with no pattern in it',
      command([UNIT, UNIT, 5n], [2n * UNIT, UNIT, 9n]),
      /remote 0x5 is 0x5 past a multiple of 0x10000000; expected 0x0\. Correct/,
    ],
    ['remote of one segment', command([UNIT, UNIT, UNIT + 1n]), /expected 0x10000000\. Correct/],
    [
      'a slip that starts askew',
      command([UNIT, UNIT, 1n], [2n * UNIT, UNIT, 2n]),
      /remote 0x1 is 0x1 past .*expected 0x0\. Correct/,
    ],
    [
      'a slip over many segments',
      command(
        ...Array.from(
          { length: 9 },
          (_, i) => [BigInt(i) * UNIT, UNIT, 7n * UNIT + BigInt(i)] as [bigint, bigint, bigint],
        ),
      ),
      /expected 0x80000000: .* are 0x70000000 and \+1, \+2, …, \+8;/,
    ],
  ])('%s', (_, value, message) => {
    expect(() => checkAdd(value, { unit: UNIT, remoteOverlap: false })).toThrow(message);
    expect(checkAdd(value, { unit: undefined, remoteOverlap: false })).toBeUndefined();
  });

  test('segments that are aligned pass', () => {
    const value = command([0n, UNIT, 3n * UNIT], [UNIT, 2n * UNIT, 0n]);
    expect(checkAdd(value, { unit: UNIT, remoteOverlap: true })).toBeUndefined();
  });
});

describe('remote ranges', () => {
  test('may touch, and may not overlap', () => {
    const touching = command([0n, 4n, 100n], [8n, 4n, 104n], [16n, 4n, 96n]);
    expect(checkAdd(touching, { unit: undefined, remoteOverlap: true })).toBeUndefined();
    const same = command([0n, 4n, 100n], [8n, 4n, 100n]);
    expect(() => checkAdd(same, { unit: undefined, remoteOverlap: true })).toThrow(/overlaps/);
    const inside = command([0n, 100n, 0n], [200n, 1n, 99n]);
    expect(() => checkAdd(inside, { unit: undefined, remoteOverlap: true })).toThrow(
      /segments\[1\]/,
    );
  });
});
