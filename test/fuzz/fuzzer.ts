import { runInNewContext } from 'node:vm';

/** What is thrown at, and how to make what is thrown. */
export interface Target {
  /** Texts to begin with: some that are taken, some at the edge. */
  readonly seeds: readonly string[];
  /** Pieces that mean something to the reader. */
  readonly dictionary: readonly string[];
  /** Takes one text. @throws if the reader breaks its word. */
  run(text: string): Outcome;
}

export interface Outcome {
  /** What became of the text; the same for texts that went the same way. */
  readonly name: string;
  /** It came far: the first text of this name is built upon. */
  readonly far: boolean;
}

export interface FuzzResult {
  readonly executions: number;
  /** How often each outcome came, by its name. */
  readonly outcomes: ReadonlyMap<string, number>;
}

/** Longest text, so that a slow reader is told from a long text. */
const LENGTH_MAX = 4_000;
/** Texts to build upon; beyond it the oldest finds make room, the seeds stay. */
const CORPUS_MAX = 400;
/** Executions between two looks at the clock, and how long they may take together. */
const CHUNK = 1_000;
const CHUNK_MS = 60_000;

/**
 * Runs a target on mutated texts. What makes it fail is in the error: the text, and the seed with
 * which the same run comes again.
 */
export function fuzz(target: Target, executions: number, seed: number): FuzzResult {
  const random = randomOf(seed);
  const corpus = [...target.seeds];
  const outcomes = new Map<string, number>();
  let current = '';

  const once = (n: number): void => {
    current =
      n < target.seeds.length ? target.seeds[n]! : mutate(corpus, target.dictionary, random);
    const { name, far } = target.run(current);
    const count = outcomes.get(name) ?? 0;
    outcomes.set(name, count + 1);
    if (count > 0 || !far || n < target.seeds.length) return;
    if (corpus.length >= CORPUS_MAX) corpus.splice(target.seeds.length, 1);
    corpus.push(current);
  };
  for (let done = 0; done < executions; done += CHUNK) {
    const chunk = (): void => {
      for (let n = done; n < Math.min(done + CHUNK, executions); n += 1) once(n);
    };
    try {
      // A loop without end is ended, too, and by this alone.
      runInNewContext('chunk()', { chunk }, { timeout: CHUNK_MS });
    } catch (cause) {
      throw new Error(`seed ${seed}, text ${JSON.stringify(current)}: ${String(cause)}`, { cause });
    }
  }
  return { executions, outcomes };
}

/** A number from 0 to n - 1. */
type Random = (n: number) => number;

/** mulberry32: 32 bits of state are enough to repeat a run. */
function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % n;
  };
}

type Mutation = (
  text: string,
  random: Random,
  from: { readonly corpus: readonly string[]; readonly dictionary: readonly string[] },
) => string;

const pick = <T>(random: Random, from: readonly T[]): T => from[random(from.length)]!;

/** Puts `piece` in the place of `length` characters at a random place. */
function replace(text: string, random: Random, length: number, piece: string): string {
  const at = random(text.length + 1);
  return text.slice(0, at) + piece + text.slice(at + length);
}

/** Dictionaries and lists with none inside. */
const GROUP = /[{[(][^{}[\]()]*[}\])]/g;
const PAIRS = ['[]', '()', '{}', "''", '""'] as const;

const MUTATIONS: readonly Mutation[] = [
  // a bit of a character
  (text, random) => {
    const at = random(text.length + 1);
    const code = (text.charCodeAt(at) || 0) ^ (1 << random(8));
    return text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
  },
  // any character at all
  (text, random) => replace(text, random, random(2), String.fromCharCode(random(0x10000))),
  // a piece that means something, beside or instead of what is there
  (text, random, { dictionary }) => replace(text, random, random(8), pick(random, dictionary)),
  (text, random, { dictionary }) => replace(text, random, 0, pick(random, dictionary)),
  // another number
  (text, random, { dictionary }) => {
    const numbers = [...text.matchAll(/-?[0-9][0-9a-fA-Fx]*/g)];
    if (numbers.length === 0) return text;
    const { index, 0: old } = pick(random, numbers);
    return text.slice(0, index) + pick(random, dictionary) + text.slice(index + old.length);
  },
  // less
  (text, random) => replace(text, random, 1 + random(20), ''),
  (text, random) => text.slice(0, random(text.length + 1)),
  (text, random) => text.slice(random(text.length + 1)),
  // more of the same
  (text, random) => {
    const at = random(text.length + 1);
    return replace(text, random, 0, text.slice(at, at + 1 + random(120)));
  },
  // a whole group again, or none
  (text, random) => {
    const groups = [...text.matchAll(GROUP)];
    if (groups.length === 0) return text;
    const { index, 0: group } = pick(random, groups);
    const end = index + group.length;
    if (random(3) === 0) return text.slice(0, index) + text.slice(end);
    return `${text.slice(0, end)}, ${group}${text.slice(end)}`;
  },
  // a part of another one
  (text, random, { corpus }) => {
    const other = pick(random, corpus);
    const at = random(other.length + 1);
    return replace(text, random, random(60), other.slice(at, at + 1 + random(200)));
  },
  (text, random, { corpus }) => {
    const other = pick(random, corpus);
    return text.slice(0, random(text.length + 1)) + other.slice(random(other.length + 1));
  },
  // deeper
  (text, random) => {
    const [open, close] = pick(random, PAIRS);
    const depth = 1 + random(30);
    return open!.repeat(depth) + text + close!.repeat(depth);
  },
  // the other quotes
  (text, random) => (random(2) === 0 ? text.replaceAll("'", '"') : text.replaceAll('"', "'")),
];

function mutate(corpus: readonly string[], dictionary: readonly string[], random: Random): string {
  let text = pick(random, corpus);
  do {
    text = pick(random, MUTATIONS)(text, random, { corpus, dictionary });
  } while (random(2) === 0);
  return text.slice(0, LENGTH_MAX);
}
