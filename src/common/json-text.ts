/** A string, one of the signs of JSON, or all else that is no space. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s"{}[\]:,]+/g;

export interface Duplicate {
  readonly key: string;
  /** Of its second place, from 1. */
  readonly line: number;
  readonly column: number;
}

/**
 * The first key that an object has twice: JSON.parse takes the last one, and says nothing.
 * @param text that JSON.parse takes.
 */
export function duplicateKey(text: string): Duplicate | undefined {
  /** The keys of each object that is open; undefined for a list. */
  const open: (Set<string> | undefined)[] = [];
  let last: RegExpExecArray | undefined;
  for (const token of text.matchAll(TOKEN)) {
    const [sign] = token;
    if (sign === '{') open.push(new Set());
    else if (sign === '[') open.push(undefined);
    else if (sign === '}' || sign === ']') open.pop();
    else if (sign === ':' && last !== undefined) {
      const key = JSON.parse(last[0]) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) return { key, ...placeOf(text, last.index) };
      keys?.add(key);
    }
    last = token;
  }
  return undefined;
}

/**
 * Where in a text it is no JSON, as " (line 1 column 18)", by what JSON.parse says of it; empty where
 * that names the line itself, or no place.
 */
export function whereOf(text: string, message: string): string {
  if (/\bline\b/.test(message)) return '';
  const position = /\bposition ([0-9]+)/.exec(message)?.[1];
  const atEnd = /\bend of JSON input\b/.test(message) ? text.length : undefined;
  const index = position === undefined ? atEnd : Number(position);
  if (index === undefined) return '';
  const { line, column } = placeOf(text, index);
  return ` (line ${line} column ${column})`;
}

/** Line and column of a place in a text, from 1. */
function placeOf(text: string, index: number): { line: number; column: number } {
  const before = text.slice(0, index).split('\n');
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
}
