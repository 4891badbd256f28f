/**
 * Reads JSON without making values of it: says what is no JSON, and where; finds where in a text a
 * value is. For texts from strangers: neither depth nor length of it makes it fail.
 */

/** From the outside in: keys of objects, indexes of lists. */
export type JsonPath = readonly (string | number)[];

export interface JsonFault {
  /** Offset in the text. */
  readonly index: number;
  /** Of the innermost value that is not complete there. */
  readonly path: JsonPath;
  readonly expected: string;
  /** As the text has it, or in words. */
  readonly found: string;
}

export interface JsonLimits {
  /** Of objects and lists in one another. */
  readonly depth: number;
  /** All values and keys, great and small. */
  readonly values: number;
}

interface Frame {
  /** Of an object; undefined for a list. */
  readonly keys: Set<string> | undefined;
  at: string | number;
}

interface Visitor {
  /** @param index where the value begins. */
  value?(frames: readonly Frame[], index: number): void;
  /** The last frame's `at` is the key. */
  key?(frames: readonly Frame[], index: number): void;
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /[A-Za-z0-9_.+-]{1,40}/y;
const ESCAPES = '"\\/bfnrt';
const NONE: JsonLimits = { depth: Infinity, values: Infinity };

/** The first thing that makes a text no JSON, a key that comes twice, or what is beyond a limit. */
export function checkJson(text: string, limits: JsonLimits = NONE): JsonFault | undefined {
  return new Scanner(text, limits, {}).run();
}

/** A value of a text, or, `of` "key", the key that it has in its object. */
export interface Target {
  readonly path: JsonPath;
  readonly of?: 'value' | 'key';
}

/**
 * Where in a JSON text a value begins, or its key.
 * @returns undefined where there is no such value.
 */
export function locate(
  text: string,
  path: JsonPath,
  of: 'value' | 'key' = 'value',
): number | undefined {
  return locateAll(text, [{ path, of }])[0];
}

/** The same of several, in one pass. */
export function locateAll(text: string, targets: readonly Target[]): (number | undefined)[] {
  const found: (number | undefined)[] = targets.map(() => undefined);
  let left = targets.length;
  const look =
    (what: 'value' | 'key') =>
    (frames: readonly Frame[], index: number): void => {
      for (let i = 0; i < targets.length; i++) {
        const { path, of = 'value' } = targets[i]!;
        if (path.length !== frames.length || of !== what || found[i] !== undefined) continue;
        if (!frames.every((frame, depth) => frame.at === path[depth])) continue;
        found[i] = index;
        left -= 1;
      }
    };
  const scanner = new Scanner(text, NONE, { value: look('value'), key: look('key') });
  scanner.run(() => left === 0);
  return found;
}

/** Line and column of an offset, from 1. */
export function placeIn(text: string, index: number): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (;;) {
    const next = text.indexOf('\n', start);
    if (next < 0 || next >= index) return { line, column: index - start + 1 };
    line += 1;
    start = next + 1;
  }
}

/** Such as `racks[0].boxes[1].id`; a key that is no plain word is quoted. Empty: the whole. */
export function pathText(path: JsonPath): string {
  const parts = path.map((part) => {
    if (typeof part === 'number') return `[${part}]`;
    return /^[A-Za-z_$][\w$-]{0,63}$/.test(part) ? `.${part}` : `[${JSON.stringify(cut(part))}]`;
  });
  return parts.join('').replace(/^\./, '');
}

const cut = (text: string): string => (text.length > 64 ? `${text.slice(0, 61)}...` : text);

class Scanner {
  private at = 0;
  private values = 0;
  private readonly frames: Frame[] = [];

  constructor(
    private readonly text: string,
    private readonly limits: JsonLimits,
    private readonly visitor: Visitor,
  ) {}

  run(enough: () => boolean = () => false): JsonFault | undefined {
    let fault = this.value();
    while (fault === undefined && this.frames.length > 0 && !enough()) fault = this.next();
    if (fault !== undefined || enough()) return fault;
    this.space();
    return this.at < this.text.length ? this.fault('the end of the file') : undefined;
  }

  /** Goes on after a value inside of an object or a list, or behind its opening. */
  private next(): JsonFault | undefined {
    const frame = this.frames.at(-1)!;
    const first = frame.at === -1;
    const end = frame.keys === undefined ? ']' : '}';
    this.space();
    const sign = this.text[this.at];
    if (sign === end) {
      this.at += 1;
      this.frames.pop();
      return undefined;
    }
    if (!first) {
      if (sign !== ',') return this.fault(`"," or "${end}"`);
      this.at += 1;
      this.space();
    }
    if (frame.keys !== undefined) return this.member(frame, first);
    frame.at = first ? 0 : (frame.at as number) + 1;
    return this.value();
  }

  private member(frame: Frame, first: boolean): JsonFault | undefined {
    const start = this.at;
    if (this.text[start] !== '"')
      return this.fault(first ? 'a key in quotes, or "}"' : 'a key in quotes');
    const fault = this.string() ?? this.count();
    if (fault !== undefined) return fault;
    const raw = this.text.slice(start + 1, this.at - 1);
    const key = raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
    frame.at = key;
    if (frame.keys!.has(key)) {
      return this.fault('each key once', start, `the key ${JSON.stringify(cut(key))} again`);
    }
    frame.keys!.add(key);
    this.visitor.key?.(this.frames, start);
    this.space();
    if (this.text[this.at] !== ':') return this.fault('":" after a key');
    this.at += 1;
    return this.value();
  }

  /** A value as a whole, or the opening of one. */
  private value(): JsonFault | undefined {
    this.space();
    const start = this.at;
    this.visitor.value?.(this.frames, start);
    const sign = this.text[start];
    const counted = this.count();
    if (counted !== undefined) return counted;
    if (sign === '{' || sign === '[') {
      if (this.frames.length >= this.limits.depth) {
        return this.fault(`at most ${this.limits.depth} levels of objects and lists`);
      }
      this.at += 1;
      this.frames.push({ keys: sign === '{' ? new Set() : undefined, at: -1 });
      return undefined;
    }
    if (sign === '"') return this.string();
    for (const word of ['true', 'false', 'null']) {
      if (this.text.startsWith(word, start) && this.word().length === word.length) {
        this.at += word.length;
        return undefined;
      }
    }
    NUMBER.lastIndex = start;
    const length = NUMBER.exec(this.text)?.[0].length ?? 0;
    if (length === 0) return this.fault('a value');
    this.at += length;
    return undefined;
  }

  private string(): JsonFault | undefined {
    const { text } = this;
    const start = this.at;
    for (let i = start + 1; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === 0x22) {
        this.at = i + 1;
        return undefined;
      }
      if (code < 0x20) return this.fault('an escape such as "\\n" in a string', i);
      if (code !== 0x5c) continue;
      i += 1;
      if (text[i] === 'u' && /^[0-9a-fA-F]{4}$/.test(text.slice(i + 1, i + 5))) i += 4;
      else if (i < text.length && !ESCAPES.includes(text[i]!)) {
        return this.fault('an escape that JSON knows', i - 1, text.slice(i - 1, i + 1));
      }
    }
    return this.fault('a string that ends', start, 'the end of the file');
  }

  private count(): JsonFault | undefined {
    this.values += 1;
    if (this.values <= this.limits.values) return undefined;
    return this.fault(`at most ${this.limits.values} keys and values`, this.at, 'more');
  }

  private space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at += 1;
    }
  }

  private word(index = this.at): string {
    WORD.lastIndex = index;
    return WORD.exec(this.text)?.[0] ?? '';
  }

  private fault(expected: string, index = this.at, found?: string): JsonFault {
    const path = this.frames.map(({ at }) => at).filter((at) => at !== -1);
    if (index >= this.text.length)
      return { index, path, expected, found: found ?? 'the end of the file' };
    const seen = this.word(index) || String.fromCodePoint(this.text.codePointAt(index)!);
    return { index, path, expected, found: found ?? JSON.stringify(seen) };
  }
}
