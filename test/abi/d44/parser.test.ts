import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseLiteral, TEXT_MAX, type Literal } from '../../../src/abi/d44/index.js';

describe('what is no literal is refused with line and column', () => {
  test.each<[string, string, number, number, RegExp]>([
    ['nothing', '', 1, 1, /expected a value, found the end/],
    ['blanks', ' \n\t ', 2, 3, /found the end/],
    ['a word', 'Add', 1, 1, /found "Add"/],
    ['a call', 'open("x")', 1, 1, /found "open"/],
    ['an expression', '1 + 1', 1, 3, /expected a number, found "\+"/],
    ['two values', '[1]\n[2]', 2, 1, /expected the end of the text, found "\["/],
    ['a comma too many', '[,]', 1, 2, /expected a value/],
    ['two commas', '[1,,]', 1, 4, /expected a value/],
    ['no comma', '[1 2]', 1, 4, /expected "," or "\]", found "2"/],
    ['the wrong bracket', '[1)', 1, 3, /expected "," or "\]"/],
    ['an open list', '[1,\r\n2', 2, 2, /found the end/],
    ['an open string', "'abc", 1, 5, /the ' that ends a string, found the end/],
    ['a line break in a string', "['a\nb']", 1, 4, /found the end of the line/],
    ['an unknown escape', "'\\q'", 1, 2, /an escape of JSON or Python/],
    ['a short escape', "'\\u12'", 1, 2, /an escape/],
    ['a character beyond Unicode', "'\\U00110000'", 1, 2, /an escape/],
    ['a key without quotes', '{a: 1}', 1, 2, /expected a key in quotes or "}", found "a"/],
    ['a number as a key', '{1: 1}', 1, 2, /found "1"/],
    ['no colon', "{'a' 1}", 1, 6, /expected ":"/],
    ['a set', "{'a', 'b'}", 1, 5, /expected ":"/],
    ['a key twice', '{"a": 1, \'a\': 2}', 1, 10, /a key that is not there yet/],
    ['octal', '010', 1, 1, /without leading zeros/],
    ['a plus', '+1', 1, 1, /expected a number/],
    ['a minus', '-', 1, 1, /expected a number/],
    ['a version', '1.2.3', 1, 1, /expected a number, found "1.2.3"/],
    ['digits with underscores', '1_000', 1, 1, /expected a number/],
    ['an unfinished hex number', '0x', 1, 1, /expected a number/],
    ['a long number', '9'.repeat(65), 1, 1, /at most 64 characters/],
    ['not a number', 'NaN', 1, 1, /found "NaN"/],
    ['a comment', '[1] # one', 1, 5, /found "#"/],
    [
      'typographic quotes',
      '{‘action’: 1}',
      1,
      2,
      /typographic quote "‘" \(U\+2018\); write ' or "/,
    ],
    ['a control character', '[\x00]', 1, 2, /the character U\+0000/],
    ['depth', '['.repeat(17), 1, 17, /at most 16 levels/],
    ['depth of tuples', '('.repeat(17), 1, 17, /at most 16 levels/],
    [
      'a prototype is a key like others, and twice is too often',
      '{"__proto__": 1, "__proto__": 2}',
      1,
      18,
      /not there yet/,
    ],
  ])('%s', (_, text, line, column, message) => {
    let error: unknown;
    try {
      parseLiteral(text);
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: 'SDM_INPUT', details: { line, column } });
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toContain(`line ${line}, column ${column}: expected`);
  });

  test('more than a command can have', () => {
    expect(() => parseLiteral(' '.repeat(TEXT_MAX + 1))).toThrow(
      expect.objectContaining({
        code: 'SDM_INPUT',
        message: expect.stringMatching(/at most 262144/),
      }),
    );
    expect(parseLiteral(`${' '.repeat(TEXT_MAX - 1)}1`)).toBe(1n);
  });
});

describe('literals', () => {
  test.each<[string, Literal]>([
    ['None', null],
    ['True', true],
    ['false', false],
    ['18253611007', 18253611007n],
    ['18253611007L', 18253611007n],
    ['9007199254740993', 9007199254740993n],
    ['-0', 0n],
    ['-5', -5n],
    ['0x430000000', 0x430000000n],
    ['-0XfL', -15n],
    ['1.5', 1.5],
    ['-1e3', -1000],
    ['1.7985175552e+10', 17985175552],
    ["'a'", 'a'],
    ["u'a'", 'a'],
    ['U"a"', 'a'],
    [`'say "it"'`, 'say "it"'],
    [`"it's"`, "it's"],
    ["'\\'\\\\\\n\\x41\\u0042\\U00000043'", "'\\\nABC"],
    ['"\\ud83d\\ude00\\/"', '😀/'],
    ['()', []],
    ['(1)', 1n],
    ['(1,)', [1n]],
    ['(1, (2, 3),)', [1n, [2n, 3n]]],
    ['[1, 2,]', [1n, 2n]],
    ['\ufeff[1,\u00a02]\r\n', [1n, 2n]],
  ])('%s', (text, value) => {
    expect(parseLiteral(text)).toEqual(value);
  });

  test('a dictionary keeps any key', () => {
    const value = parseLiteral("{'__proto__': {'constructor': None,}, '': []}");
    expect(value).toEqual(
      new Map<string, unknown>([
        ['__proto__', new Map([['constructor', null]])],
        ['', []],
      ]),
    );
  });
});

/** A value without floats: those are numbers in both. */
type Tree = null | boolean | number | string | Tree[] | { [key: string]: Tree };
const tree = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', maxDepth: 6 },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string({ unit: 'binary' }),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: 'binary' }), tie('tree'), { maxKeys: 4 }),
  ),
})).tree;

/** What JSON.parse gives, in the form of a literal. */
function literalOf(value: Tree): unknown {
  if (typeof value === 'number') {
    const text = JSON.stringify(value);
    return /[.e]/.test(text) ? value : BigInt(text);
  }
  if (Array.isArray(value)) return value.map(literalOf);
  if (value === null || typeof value !== 'object') return value;
  return new Map(Object.entries(value).map(([key, one]) => [key, literalOf(one)]));
}

/** A Python literal of the same value, with the liberties that Python has. */
function pythonOf(value: Tree, pick: (n: number) => number): string {
  const blank = [' ', '', '\n', '\t '][pick(4)]!;
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return JSON.stringify(value);
  if (typeof value === 'string') return pythonString(value, pick);
  const comma = pick(2) === 0 ? '' : ',';
  if (Array.isArray(value)) {
    const items = value.map((one) => pythonOf(one, pick)).join(`,${blank}`);
    if (pick(3) === 0)
      return value.length === 0 ? '()' : `(${items}${value.length === 1 ? ',' : comma})`;
    return value.length === 0 ? `[${blank}]` : `[${items}${blank}${comma}]`;
  }
  const entries = Object.entries(value).map(
    ([key, one]) => `${pythonString(key, pick)}${blank}:${pythonOf(one, pick)}`,
  );
  return entries.length === 0 ? '{}' : `{${blank}${entries.join(`${blank}, `)}${comma}}`;
}

function pythonString(text: string, pick: (n: number) => number): string {
  const quote = pick(2) === 0 ? "'" : '"';
  const prefix = ['', '', 'u'][pick(3)]!;
  const body = [...text].map((character) => {
    const code = character.codePointAt(0)!;
    if (character === quote || character === '\\') return `\\${character}`;
    if (code >= 0x20 && code < 0x7f) return character;
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
    return pick(2) === 0 && code > 0xa0 && code !== 0xfeff && !(code >= 0xd800 && code < 0xe000)
      ? character
      : `\\U${code.toString(16).padStart(8, '0')}`;
  });
  return `${prefix}${quote}${body.join('')}${quote}`;
}

describe('whatever is written', () => {
  test('JSON is read as JSON.parse reads it, but for whole numbers, which are exact', () => {
    fc.assert(
      fc.property(tree, fc.constantFrom(undefined, 1, '\t'), (value, space) => {
        const text = JSON.stringify(value, null, space);
        expect(parseLiteral(text)).toEqual(literalOf(JSON.parse(text) as Tree));
      }),
      { numRuns: 500 },
    );
  });

  test("Python's form means the same as JSON's", () => {
    fc.assert(
      fc.property(tree, fc.infiniteStream(fc.nat()), (value, stream) => {
        const pick = (n: number): number => (stream.next().value as number) % n;
        expect(parseLiteral(pythonOf(value, pick))).toEqual(
          literalOf(JSON.parse(JSON.stringify(value)) as Tree),
        );
      }),
      { numRuns: 500 },
    );
  });

  test('any text is a literal or SDM_INPUT', () => {
    const pieces = fc.constantFrom(
      ...`{}[]():,'"\\u0xL-.e \n1aNone`.split(''),
      'None',
      "u'",
      '\\x',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(pieces).map((p) => p.join('')),
        ),
        (text) => {
          try {
            parseLiteral(text);
          } catch (error) {
            expect(error).toMatchObject({ code: 'SDM_INPUT' });
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
