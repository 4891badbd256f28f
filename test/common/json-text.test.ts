import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { duplicateKey } from '../../src/common/json-text.js';

describe('a key that comes twice', () => {
  it.each([
    ['{"a": 1, "a": 2}', { key: 'a', line: 1, column: 10 }],
    ['{\n  "a": {"b": 1},\n  "a": 2\n}', { key: 'a', line: 3, column: 3 }],
    ['[{"b": [1, {"c": 0,"c":0}]}]', { key: 'c', line: 1, column: 20 }],
    ['{"a": 1, "\\u0061": 2}', { key: 'a', line: 1, column: 10 }],
  ])('is found in %s', (text, found) => {
    expect(duplicateKey(text)).toEqual(found);
  });

  it.each(['1', '"a"', '{"a": "a", "b": {"a": ["a", "a"]}}', '{"a:\\"": 1, "a": ":", "{": {}}'])(
    'is not found in %s',
    (text) => expect(duplicateKey(text)).toBeUndefined(),
  );

  it('is never found in what was printed from values', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(duplicateKey(JSON.stringify(value, null, 1))).toBeUndefined();
      }),
    );
  });
});
