import { NUMBER_MAX } from './limits.js';
import { characterAt, quote, syntaxError } from './text.js';

/** A piece of the text; `at` is where it begins, `end` where the next one may. */
export type Token =
  | { readonly kind: 'mark'; readonly mark: string; readonly at: number; readonly end: number }
  | { readonly kind: 'string'; readonly value: string; readonly at: number; readonly end: number }
  | { readonly kind: 'integer'; readonly value: bigint; readonly at: number; readonly end: number }
  | { readonly kind: 'float'; readonly value: number; readonly at: number; readonly end: number }
  | { readonly kind: 'word'; readonly word: string; readonly at: number; readonly end: number }
  | { readonly kind: 'end'; readonly at: number; readonly end: number };

const MARKS = '{}[]():,';
/** A no-break space and a byte order mark come with what is copied out of documents. */
const SPACE = /[ \t\n\v\f\r\u00a0\ufeff]*/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
/** Python's unicode strings carry a prefix where Python 2 prints them. */
const PREFIXED = /[uU](?=['"])/y;
const HEXADECIMAL = /^-?0[xX][0-9A-Fa-f]+$/;
const DECIMAL = /^-?[0-9]+$/;
const FLOAT = /^-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$/;
/** All that could belong to a number, so that a message shows all of it. */
const NUMERIC = /[-+.0-9][-+.0-9A-Za-z_]*/y;
const PLAIN = /[^'"\\\n\r]*/y;
const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  "'": "'",
  '"': '"',
  '\\': '\\',
  '/': '/',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};
/** How many hex digits follow. */
const HEX_ESCAPES: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** Matches a sticky expression at one place. */
function match(expression: RegExp, text: string, at: number): string | undefined {
  expression.lastIndex = at;
  return expression.exec(text)?.[0];
}

/**
 * The token that begins at `from` or after the blanks there.
 * @throws SDM_INPUT with line and column for what is no token.
 */
export function scan(text: string, from: number): Token {
  const at = from + (match(SPACE, text, from) ?? '').length;
  const first = text[at];
  if (first === undefined) return { kind: 'end', at, end: at };
  if (MARKS.includes(first)) return { kind: 'mark', mark: first, at, end: at + 1 };
  if (first === "'" || first === '"') return scanString(text, at, at);
  if (match(PREFIXED, text, at) !== undefined) return scanString(text, at, at + 1);
  const word = match(WORD, text, at);
  if (word !== undefined) return { kind: 'word', word, at, end: at + word.length };
  const number = match(NUMERIC, text, at);
  if (number !== undefined) return scanNumber(text, at, number);
  throw syntaxError(text, at, 'a value or a mark', characterAt(text, at));
}

function scanNumber(text: string, at: number, found: string): Token {
  const refuse = (expected: string) => syntaxError(text, at, expected, quote(found));
  if (found.length > NUMBER_MAX) throw refuse(`a number of at most ${NUMBER_MAX} characters`);
  const end = at + found.length;
  const digits = /[lL]$/.test(found) ? found.slice(0, -1) : found; // Python 2's long integers
  if (/^-?0[0-9]/.test(digits)) throw refuse('a number without leading zeros');
  if (DECIMAL.test(digits) || HEXADECIMAL.test(digits)) {
    const magnitude = BigInt(digits.replace('-', ''));
    return { kind: 'integer', value: digits.startsWith('-') ? -magnitude : magnitude, at, end };
  }
  if (FLOAT.test(found)) return { kind: 'float', value: Number(found), at, end };
  throw refuse('a number');
}

/** @param open where the quote is; `at` is before a prefix. */
function scanString(text: string, at: number, open: number): Token {
  const delimiter = text[open]!;
  let value = '';
  let end = open + 1;
  for (;;) {
    const plain = match(PLAIN, text, end) ?? '';
    value += plain;
    end += plain.length;
    const next = text[end];
    if (next === delimiter) return { kind: 'string', value, at, end: end + 1 };
    if (next === '\\') {
      const escape = scanEscape(text, end);
      value += escape.value;
      end = escape.end;
    } else if (next === "'" || next === '"') {
      value += next;
      end += 1;
    } else {
      throw syntaxError(text, end, `the ${delimiter} that ends a string`, characterAt(text, end));
    }
  }
}

function scanEscape(text: string, at: number): { value: string; end: number } {
  const letter = text[at + 1] ?? '';
  const simple = Object.hasOwn(SIMPLE_ESCAPES, letter) ? SIMPLE_ESCAPES[letter] : undefined;
  if (simple !== undefined) return { value: simple, end: at + 2 };
  const count = Object.hasOwn(HEX_ESCAPES, letter) ? HEX_ESCAPES[letter]! : 0;
  const digits = text.slice(at + 2, at + 2 + count);
  const code = Number.parseInt(digits, 16);
  if (count > 0 && digits.length === count && /^[0-9A-Fa-f]+$/.test(digits) && code <= 0x10ffff) {
    return { value: String.fromCodePoint(code), end: at + 2 + count };
  }
  const found = quote(text.slice(at, at + 2 + count));
  throw syntaxError(text, at, 'an escape of JSON or Python', found);
}
