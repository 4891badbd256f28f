import { SdmError } from '../../common/errors.js';

/** Longest piece of someone's text that a message repeats. */
const SHOWN_MAX = 40;

/** Where a character of a text stands, both from 1. Lines end with LF, CR or both. */
export function positionOf(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at).split(/\r\n|\r|\n/);
  return { line: before.length, column: before[before.length - 1]!.length + 1 };
}

/** SDM_INPUT for a place in a text. */
export function syntaxError(text: string, at: number, expected: string, found: string): SdmError {
  const { line, column } = positionOf(text, at);
  return new SdmError(
    'SDM_INPUT',
    `line ${line}, column ${column}: expected ${expected}, found ${found}`,
    { details: { line, column, expected, found } },
  );
}

/** A piece of someone's text for a message: quoted, on one line, cut where it is long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX - 3)}...` : text);
}

/** The character at `at`, for a message. */
export function characterAt(text: string, at: number): string {
  const code = text.codePointAt(at);
  if (code === undefined) return 'the end';
  const number = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  if (code === 0x0a || code === 0x0d) return 'the end of the line';
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return `the character ${number}`;
  const name = `${quote(String.fromCodePoint(code))}${code < 0x80 ? '' : ` (${number})`}`;
  return /[\u2018-\u201f]/u.test(String.fromCodePoint(code))
    ? `the typographic quote ${name}; write ' or "`
    : name;
}
