import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkJson,
  locate,
  locateAll,
  pathText,
  placeIn,
  type JsonPath,
} from '../../src/common/json-scan.js';

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('checkJson', () => {
  it.each([
    ['', { index: 0, expected: 'a value', found: 'the end of the file' }],
    ['{"a": 1', { index: 7, expected: '"," or "}"', found: 'the end of the file', path: ['a'] }],
    ['{"a": [1 2]}', { index: 9, expected: '"," or "]"', found: '"2"', path: ['a', 0] }],
    ['{"a": [1,]}', { index: 9, expected: 'a value', found: '"]"', path: ['a', 1] }],
    ['{"a": 1,}', { index: 8, expected: 'a key in quotes', found: '"}"' }],
    ['{a: 1}', { index: 1, expected: 'a key in quotes, or "}"', found: '"a"' }],
    ['{"a" 1}', { index: 5, expected: '":" after a key', found: '"1"' }],
    ['{"a": nul}', { index: 6, expected: 'a value', found: '"nul"', path: ['a'] }],
    ['[01]', { index: 2, expected: '"," or "]"', found: '"1"' }],
    ['["a', { index: 1, expected: 'a string that ends', found: 'the end of the file' }],
    ['["a\n"]', { index: 3, expected: 'an escape such as "\\n" in a string' }],
    ['["\\x"]', { index: 2, expected: 'an escape that JSON knows', found: '\\x' }],
    ['[1] x', { index: 4, expected: 'the end of the file', found: '"x"' }],
    [
      '{"b": {"a": 1, "a": 2}}',
      { index: 15, expected: 'each key once', found: 'the key "a" again' },
    ],
    ['{"a": 1, "\\u0061": 2}', { index: 9, expected: 'each key once' }],
  ])('says of %j what is wrong', (text, fault) => {
    expect(checkJson(text)).toMatchObject(fault);
  });

  it('keeps to its limits', () => {
    const limits = { depth: 2, values: 4 };
    expect(checkJson('[[1]]', limits)).toBeUndefined();
    expect(checkJson('[[[1]]]', limits)).toMatchObject({
      index: 2,
      expected: 'at most 2 levels of objects and lists',
      path: [0, 0],
    });
    expect(checkJson('[1, 2, 3, 4]', limits)).toMatchObject({ index: 10, found: 'more' });
  });

  it('does not mind depth or length', () => {
    expect(checkJson('['.repeat(1e6))).toMatchObject({ index: 1e6 });
    expect(checkJson('['.repeat(1e6) + ']'.repeat(1e6))).toBeUndefined();
    expect(checkJson(`"${'\\"'.repeat(5e6)}"`)).toBeUndefined();
    expect(checkJson(`"${'\\'.repeat(1e6 + 1)}"`)).toMatchObject({ index: 0 });
  });

  it('finds nothing in what was printed from values', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 1, '\t'), (value, indent) => {
        expect(checkJson(JSON.stringify(value, null, indent))).toBeUndefined();
      }),
    );
  });

  it('takes what JSON.parse takes, and nothing else', () => {
    const spoilt = fc
      .tuple(
        fc.jsonValue(),
        fc.nat(),
        fc.constantFrom('', ',', '"', ':', '}', ']', '[', '1', '\\', '-', 'e', '\u0001', '\u00a0'),
      )
      .map(([value, at, what]) => {
        const text = JSON.stringify(value);
        const index = at % (text.length + 1);
        return text.slice(0, index) + what + text.slice(index + 1);
      });
    fc.assert(
      fc.property(spoilt, (text) => {
        const fault = checkJson(text);
        if (fault?.expected === 'each key once') return;
        expect(fault === undefined).toBe(isJson(text));
      }),
      { numRuns: 3000 },
    );
  });
});

describe('locate', () => {
  const text = '{ "a": [10, {"b\\"": null}],\n "c": {} }';

  it.each([
    [[], 'value', 0],
    [['a'], 'value', 7],
    [['a'], 'key', 2],
    [['a', 0], 'value', 8],
    [['a', 1, 'b"'], 'value', 20],
    [['a', 1, 'b"'], 'key', 13],
    [['c'], 'value', 34],
    [['a', '0'], 'value', undefined],
    [['d'], 'value', undefined],
    [['c', 'd'], 'key', undefined],
  ] as const)('finds %j, its %s', (path, of, index) => {
    expect(locate(text, path, of)).toBe(index);
  });

  it('finds every value of any text', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const printed = JSON.stringify(value, null, 2);
        const all = [...parts(value, [])];
        const found = locateAll(
          printed,
          all.map(([path]) => ({ path })),
        );
        for (const [i, [path, part]] of all.entries()) {
          const index = locate(printed, path)!;
          expect(found[i]).toBe(index);
          const start = printed.slice(index);
          expect(start.startsWith(JSON.stringify(part).slice(0, 1))).toBe(true);
        }
      }),
    );
  });
});

function* parts(value: unknown, path: JsonPath): Generator<[JsonPath, unknown]> {
  yield [path, value];
  if (Array.isArray(value)) {
    for (const [i, each] of value.entries()) yield* parts(each, [...path, i]);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) yield* parts(each, [...path, key]);
  }
}

it('tells lines and columns from 1', () => {
  expect(placeIn('', 0)).toEqual({ line: 1, column: 1 });
  expect(placeIn('a\nbc\n', 3)).toEqual({ line: 2, column: 2 });
  expect(placeIn('a\nbc\n', 5)).toEqual({ line: 3, column: 1 });
});

it('prints paths', () => {
  expect(pathText([])).toBe('');
  expect(pathText(['racks', 0, 'boxes', 1, 'id'])).toBe('racks[0].boxes[1].id');
  expect(pathText(['a b', 1, '__proto__'])).toBe('["a b"][1].__proto__');
  expect(pathText(['x'.repeat(100)]).length).toBeLessThan(80);
});
