import { SdmError } from '../../common/errors.js';
import { DEPTH_MAX, TEXT_MAX } from './limits.js';
import { scan, type Token } from './scanner.js';
import { characterAt, quote, syntaxError } from './text.js';

/** A value as a text has it. Whole numbers are exact; one with a point or an exponent is a number. */
export type Literal =
  null | boolean | bigint | number | string | readonly Literal[] | ReadonlyMap<string, Literal>;

const WORDS: Readonly<Record<string, Literal>> = {
  None: null,
  null: null,
  True: true,
  true: true,
  False: false,
  false: false,
};

/**
 * Reads JSON, or a literal as Python prints it: strings in either quotes, None, True and False,
 * tuples, trailing commas, `u` before a string and `L` after a number. Nothing is evaluated.
 * @throws SDM_INPUT with line and column; also for what is longer or deeper than any command.
 */
export function parseLiteral(text: string): Literal {
  if (text.length > TEXT_MAX) {
    throw new SdmError(
      'SDM_INPUT',
      `the text has ${text.length} characters; expected at most ${TEXT_MAX}`,
      { details: { characters: text.length, limit: TEXT_MAX } },
    );
  }
  const parser = new Parser(text);
  const value = parser.value(0);
  parser.end();
  return value;
}

class Parser {
  readonly #text: string;
  #token: Token;

  constructor(text: string) {
    this.#text = text;
    this.#token = scan(text, 0);
  }

  /** Reads one value. `depth`: how many lists and dictionaries it is in. */
  value(depth: number): Literal {
    const token = this.#take();
    switch (token.kind) {
      case 'string':
      case 'integer':
      case 'float':
        return token.value;
      case 'word':
        if (Object.hasOwn(WORDS, token.word)) return WORDS[token.word]!;
        break;
      case 'mark':
        if ('[({'.includes(token.mark) && depth >= DEPTH_MAX) {
          throw this.#error(token, `at most ${DEPTH_MAX} levels of lists and dictionaries`);
        }
        if (token.mark === '[') return this.#items(depth, ']');
        if (token.mark === '(') return this.#tuple(depth);
        if (token.mark === '{') return this.#dictionary(depth);
        break;
      case 'end':
        break;
    }
    throw this.#error(token, 'a value');
  }

  /** Nothing may follow. */
  end(): void {
    if (this.#token.kind !== 'end') throw this.#error(this.#token, 'the end of the text');
  }

  #take(): Token {
    const token = this.#token;
    if (token.kind !== 'end') this.#token = scan(this.#text, token.end);
    return token;
  }

  /** Takes the next token if it is `mark`. */
  #takes(mark: string): boolean {
    const is = this.#token.kind === 'mark' && this.#token.mark === mark;
    if (is) this.#take();
    return is;
  }

  /** What is between brackets, the opening one taken; a comma may stand before the closing one. */
  #items(depth: number, close: string): Literal[] {
    const items: Literal[] = [];
    for (;;) {
      if (this.#takes(close)) return items;
      items.push(this.value(depth + 1));
      if (!this.#takes(',')) {
        if (this.#takes(close)) return items;
        throw this.#error(this.#token, `"," or "${close}"`);
      }
    }
  }

  /** `(1, 2)` and `(1,)` are lists; `(1)` is 1. */
  #tuple(depth: number): Literal {
    if (this.#takes(')')) return [];
    const first = this.value(depth + 1);
    if (this.#takes(')')) return first;
    if (!this.#takes(',')) throw this.#error(this.#token, '"," or ")"');
    return [first, ...this.#items(depth, ')')];
  }

  #dictionary(depth: number): Literal {
    const entries = new Map<string, Literal>();
    for (;;) {
      if (this.#takes('}')) return entries;
      const key = this.#take();
      if (key.kind !== 'string') throw this.#error(key, 'a key in quotes or "}"');
      if (entries.has(key.value)) throw this.#error(key, 'a key that is not there yet');
      if (!this.#takes(':')) throw this.#error(this.#token, '":"');
      entries.set(key.value, this.value(depth + 1));
      if (!this.#takes(',')) {
        if (this.#takes('}')) return entries;
        throw this.#error(this.#token, '"," or "}"');
      }
    }
  }

  #error(token: Token, expected: string): SdmError {
    const text = this.#text.slice(token.at, token.end);
    const long = token.kind === 'word' || token.kind === 'string' || token.kind === 'integer';
    const found = long ? quote(text) : characterAt(this.#text, token.at);
    return syntaxError(this.#text, token.at, expected, found);
  }
}
