import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JournalEntry } from '../../../src/agent/attachments/journal.js';
import { decodeEntry, encodeEntry } from '../../../src/agent/journal/codec.js';
import { anyEntry, record } from './entries.js';

const rest: JournalEntry = { kind: 'rest', attachment: record() };

/** A whole entry with one thing changed. */
function changed(change: (json: Record<string, never>) => void): string {
  const json = JSON.parse(encodeEntry(rest)) as Record<string, never>;
  change(json);
  return JSON.stringify(json);
}

describe('what is no entry is refused', () => {
  test.each<[string, string, RegExp]>([
    ['no JSON', '{', /^expected JSON, found "\{"$/],
    ['no object', '7', /^kind: expected one of attach, .*, found nothing$/],
    ['null', 'null', /^kind: expected one of attach/],
    ['a kind of the future', '{"kind":"teleport"}', /^kind: expected one of .*, found "teleport"$/],
    ['a kind that objects have', '{"kind":"toString"}', /^kind: expected one of/],
    ['a member that is missing', '{"kind":"forget"}', /^forget entry: id: expected a value/],
    [
      'an unknown member',
      '{"kind":"forget","id":"a","colour":1}',
      /^forget entry: colour: expected one of the keys kind, id, found 1$/,
    ],
    [
      'an unknown member of an attachment',
      changed((json) => Object.assign(json['attachment']!, { colour: 1 })),
      /^rest entry: attachment\.colour: expected one of the keys/,
    ],
    [
      'a number for an address',
      changed((json) => Object.assign(json['attachment']!, { start: 4096 })),
      /^rest entry: attachment\.start: expected a string of "0x" and up to 16 hex digits, found 4096/,
    ],
    [
      'more than 64 bits',
      changed((json) => Object.assign(json['attachment']!, { start: '0x10000000000000000' })),
      /^rest entry: attachment\.start: /,
    ],
  ])('%s', (_name, text, message) => {
    expect(() => decodeEntry(text)).toThrow(message);
  });

  test('also where it is written: what could not be read must not be durable', () => {
    const steps = [{ step: 'online' as const, ms: Number.NaN }];
    expect(() => encodeEntry({ kind: 'rest', attachment: record({ steps }) })).toThrow(
      /attachment\.steps\[0\]\.ms: expected/,
    );
    expect(() => encodeEntry({ kind: 'attach', attachment: record({ start: -1n }) })).toThrow(
      /attachment\.start: expected .*, found "-0x1"/,
    );
  });
});

describe('there and back', () => {
  test('every entry is the same, on one line', () => {
    fc.assert(
      fc.property(anyEntry, (entry) => {
        const text = encodeEntry(entry);
        expect(text).not.toMatch(/[\n\r]/);
        expect(decodeEntry(text)).toEqual(entry);
      }),
    );
  });

  test('bigints are hex, and what is not there is left out', () => {
    const json = JSON.parse(encodeEntry(rest)) as { attachment: object };
    expect(json.attachment).toMatchObject({ start: '0x8010000000', request: { inId: '0x0' } });
    expect(json.attachment).not.toHaveProperty('device');
  });

  test('the details of an error may hold bigints, which come back as hex', () => {
    const error = { code: 'SDM_FAILED', message: 'm', details: { at: 16n } };
    const back = decodeEntry(encodeEntry({ kind: 'rest', attachment: record({ error }) }));
    expect(back).toMatchObject({ attachment: { error: { details: { at: '0x10' } } } });
  });
});
