import { describe, expect, test } from 'vitest';
import { parseCommand } from '../../../src/abi/d44/index.js';
import { DOCUMENT_EXAMPLE, DOCUMENT_REMOVE, EXAMPLE_SEGMENTS } from './example.js';

const SEGMENT = { startA: 0x4_0000_0000, endA: 0x4_0fff_ffff, offset: 0x4_0000_0000, net: 188440 };

function add(over: object = {}, command: object = {}): string {
  return JSON.stringify({ action: 'Add', segments: [{ ...SEGMENT, ...over }], ...command });
}

describe('what is no command', () => {
  test.each<[string, string, string, RegExp]>([
    [
      'a list',
      '[]',
      'the command',
      /expected a dictionary with action, segments, cIP, found a list/,
    ],
    ['a number', '7', 'the command', /found 7/],
    ['nothing in it', '{}', 'segments', /found nothing/],
    [
      'no segments',
      '{"action":"Add"}',
      'segments',
      /expected a list of 1 to 512 segments, found nothing/,
    ],
    ['none of them', '{"action":"Add","segments":[]}', 'segments', /found a list of 0/],
    [
      'too many',
      JSON.stringify({ action: 'Add', segments: new Array(513).fill({}) }),
      'segments',
      /found a list of 513/,
    ],
    [
      'a segment that is a number',
      '{"action":"Add","segments":[1]}',
      'segments[0]',
      /a dictionary/,
    ],
    [
      'an unknown key',
      add({}, { cIp: '::1' }),
      'the command',
      /one of the keys action, segments, cIP, found "cIp"/,
    ],
    [
      'an unknown key of a segment',
      add({ starta: 1 }),
      'segments[0]',
      /one of the keys startA, .*found "starta"/,
    ],
    [
      'no action',
      JSON.stringify({ segments: [SEGMENT] }),
      'action',
      /expected Add or Remove, found nothing/,
    ],
    ['another action', add({}, { action: 'Replace' }), 'action', /found "Replace"/],
    ['an action that is a number', add({}, { action: 1 }), 'action', /found 1/],
    [
      'two actions',
      add({ action: 'Remove' }),
      'segments[0].action',
      /expected Add, since a command does one thing, found Remove/,
    ],
    ['no startA', add({ startA: undefined }), 'segments[0].startA', /found nothing/],
    ['startA null', add({ startA: null }), 'segments[0].startA', /found None/],
    ['a negative startA', add({ startA: -1 }), 'segments[0].startA', /found -1/],
    ['half an address', add({ startA: 1.5 }), 'segments[0].startA', /found 1.5/],
    ['a list for an address', add({ startA: [1] }), 'segments[0].startA', /found a list/],
    [
      '2^53',
      '{"action":"Add","segments":[{"startA":9007199254740992}]}',
      'segments[0].startA',
      /found 9007199254740992/,
    ],
    [
      '2^53 + 1',
      '{"action":"Add","segments":[{"startA":9007199254740993}]}',
      'segments[0].startA',
      /up to 9007199254740991 \(2\^53 - 1\): give a larger one as a hex string, found 9007199254740993/,
    ],
    [
      '2^53 + 1 as Python has it',
      "{'action': 'Add', 'segments': [{'startA': 9007199254740993L}]}",
      'segments[0].startA',
      /hex string/,
    ],
    [
      '-2^53 - 1',
      add({ offset: '__' }).replace('"__"', '-9007199254740993'),
      'segments[0].offset',
      /hex string/,
    ],
    ['17 hex digits', add({ startA: '10000000000000000' }), 'segments[0].startA', /16 hex digits/],
    ['no hex digit', add({ startA: '0xg' }), 'segments[0].startA', /found "0xg"/],
    ['an empty string', add({ startA: '' }), 'segments[0].startA', /found ""/],
    ['a negative string', add({ startA: '-1' }), 'segments[0].startA', /found "-1"/],
    [
      'endA before startA',
      add({ endA: 0x3_ffff_ffff }),
      'segments[0].endA',
      /expected 0x400000000 \(startA\) or above, found 0x3ffffffff/,
    ],
    ['no offset', add({ offset: undefined }), 'segments[0].offset', /found nothing/],
    [
      'an offset below nothing',
      add({ offset: -0x4_0000_0001 }),
      'segments[0].offset',
      /in 64 bits/,
    ],
    [
      'an offset beyond 64 bits',
      add({ offset: '7fffffffffffffff', startA: 'f000000000000000', endA: 'f000000000000000' }),
      'segments[0].offset',
      /in 64 bits/,
    ],
    [
      'an end beyond 64 bits',
      add({ offset: '7fffffffffffffff', startA: '8000000000000000', endA: '8000000000000001' }),
      'segments[0].offset',
      /in 64 bits/,
    ],
    [
      'a sign in bit 63 and a minus',
      add({ offset: '-8000000000000001' }),
      'segments[0].offset',
      /a minus or bit 63/,
    ],
    ['two minuses', add({ offset: '--1' }), 'segments[0].offset', /found "--1"/],
    ['no net', add({ net: undefined }), 'segments[0].net', /found nothing/],
    ['net and port', add({ port: 1 }), 'segments[0].port', /no port beside net/],
    ['a cIP that is a number', add({}, { cIP: 127 }), 'cIP', /found 127/],
    ['an empty cIP', add({}, { cIP: '' }), 'cIP', /1 to 255 characters/],
    ['a long cIP', add({}, { cIP: '1'.repeat(256) }), 'cIP', /found "1111/],
  ])('%s', (_, text, key, message) => {
    expect(() => parseCommand(text)).toThrow(
      expect.objectContaining({
        code: 'SDM_INPUT',
        message: expect.stringMatching(message),
        details: expect.objectContaining({ key }),
      }),
    );
  });

  test('two segments in one place', () => {
    const segments = [
      { ...SEGMENT, startA: 0x1000, endA: 0x1fff },
      { ...SEGMENT, startA: 0x3000, endA: 0x3fff },
      { ...SEGMENT, startA: 0x1fff, endA: 0x2fff },
    ];
    expect(() => parseCommand(JSON.stringify({ action: 'Remove', segments }))).toThrow(
      /segments\[2\]: expected a range apart from segments\[0\], 0x1000-0x1fff, found 0x1fff-0x2fff/,
    );
  });
});

describe('a command', () => {
  test('the example of the document, as it prints it', () => {
    expect(parseCommand(DOCUMENT_EXAMPLE)).toEqual({
      action: 'Add',
      segments: EXAMPLE_SEGMENTS,
      cIP: '127.0.0.1',
    });
    expect(parseCommand(DOCUMENT_REMOVE)).toMatchObject({
      action: 'Remove',
      segments: EXAMPLE_SEGMENTS,
    });
  });

  test.each(['Add', 'add', 'ADD'])('%s', (action) => {
    expect(parseCommand(add({}, { action })).action).toBe('Add');
  });

  test('the older form: no cIP, hex without 0x, port and action in the segments', () => {
    const text = JSON.stringify({
      segments: [
        { startA: '400000000', endA: '40FFFFFFF', port: 2, offset: '0x400000000', action: 'Add' },
        { startA: '410000000', endA: '41fffffff', port: '15', offset: 0, action: 'Add' },
      ],
    });
    expect(parseCommand(text)).toEqual({
      action: 'Add',
      cIP: undefined,
      segments: [
        { start: 0x4_0000_0000n, end: 0x4_0fff_ffffn, remote: 0x8_0000_0000n, net: 2n },
        { start: 0x4_1000_0000n, end: 0x4_1fff_ffffn, remote: 0x4_1000_0000n, net: 0x15n },
      ],
    });
  });

  test.each<[number | string, bigint]>([
    [0, 0x4_0000_0000n],
    ['8000000000000000', 0x4_0000_0000n],
    [-0x4_0000_0000, 0n],
    ['0x8000000400000000', 0n],
    ['-400000000', 0n],
    ['-0x1', 0x3_ffff_ffffn],
    ['-0', 0x4_0000_0000n],
    ['7fffffff00000000', 0x8000_0003_0000_0000n],
  ])('offset %s leads to %s', (offset, remote) => {
    expect(parseCommand(add({ offset })).segments[0]!.remote).toBe(remote);
  });

  test('Remove needs the ranges alone', () => {
    const text = "{'action': 'Remove', 'segments': [{'startA': '400000000', 'endA': '40fffffff'}]}";
    expect(parseCommand(text)).toEqual({
      action: 'Remove',
      cIP: undefined,
      segments: [{ start: 0x4_0000_0000n, end: 0x4_0fff_ffffn, remote: undefined, net: undefined }],
    });
  });

  test('the last address of all', () => {
    const text = add({ startA: 'fffffffff0000000', endA: 'ffffffffffffffff', offset: 0 });
    expect(parseCommand(text).segments[0]).toMatchObject({ end: (1n << 64n) - 1n });
  });
});
