/** What a request of D4.4's API says, whatever spelling of the names it uses. */
import { closest } from '../../common/closest.js';
import { SdmError } from '../../common/errors.js';
import { show } from '../../common/schema-errors.js';
import { MESSAGES, type Argument, type MessageName, type Method } from './api.js';

/** By the name of our own; null: not given, and it need not be. */
export type Values = Readonly<Record<string, number | null>>;

/** A whole number, as JSON or as a query has it. */
const DIGITS = /^-?[0-9]{1,16}$/;

/** "Number of CPUs", "number_of_cpus" and "numberOfCPUs" are one word. */
const plain = (name: string): string => name.toLowerCase().replaceAll(/[\s_-]/g, '');

/**
 * @param given parsed JSON or query.
 * @returns every argument of the method; or the message of the document for a value that is too large.
 * @throws SDM_INPUT: an unknown or doubled name, a missing value, or one that is no number within
 * bounds.
 */
export function readArguments(method: Method, given: unknown): Values | MessageName {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw refuse('arguments', 'an object', given);
  }
  const byWord = new Map<string, unknown>();
  const spelt = new Map<Argument, string>();
  for (const [name, value] of Object.entries(given)) {
    const argument = argumentOf(method, name, value);
    const before = spelt.get(argument);
    if (before !== undefined) {
      throw refuse(name, `nothing beside ${before}, which stands for the same`, value);
    }
    spelt.set(argument, name);
    byWord.set(argument.name, value);
  }
  const values: Record<string, number | null> = {};
  for (const argument of method.args) {
    const value = byWord.get(argument.name);
    const name = spelt.get(argument) ?? argument.name;
    const read = value === undefined || value === null ? absent(argument) : number(value);
    if (read === undefined) throw refuse(name, rangeOf(argument), value);
    if (read !== null && read > argument.maximum && argument.above !== undefined) {
      return argument.above;
    }
    if (read !== null && (read < argument.minimum || read > argument.maximum)) {
      throw refuse(name, rangeOf(argument), value);
    }
    values[argument.name] = read;
  }
  return values;
}

/** Every word for an argument of a method. */
const words = new WeakMap<Method, ReadonlyMap<string, Argument>>();
function wordsOf(method: Method): ReadonlyMap<string, Argument> {
  const known = words.get(method);
  if (known !== undefined) return known;
  const made = new Map(
    method.args.flatMap((argument) =>
      [argument.name, ...argument.also].map((word): [string, Argument] => [plain(word), argument]),
    ),
  );
  words.set(method, made);
  return made;
}

function argumentOf(method: Method, name: string, value: unknown): Argument {
  const known = wordsOf(method);
  const found = known.get(name.toLowerCase()) ?? known.get(plain(name));
  if (found !== undefined) return found;
  const names = method.args.map((each) => each.name);
  const meant = closest(name, names);
  const guess = meant === undefined ? '' : ` (is "${meant}" meant?)`;
  const expected = names.length === 0 ? 'no argument' : `one of ${names.join(', ')}${guess}`;
  throw refuse(name, expected, value);
}

function absent({ initial }: Argument): number | null | undefined {
  return initial;
}

function number(value: unknown): number | undefined {
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'string' && DIGITS.test(value.trim())) return number(Number(value));
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

function rangeOf({ minimum, maximum, above }: Argument): string {
  const most = above === undefined ? '' : ` (above it: "${MESSAGES[above]}")`;
  return `a whole number from ${minimum} to ${maximum}${most}`;
}

function refuse(key: string, expected: string, found: unknown): SdmError {
  const name = key.length > 60 ? `${key.slice(0, 57)}...` : key;
  return new SdmError('SDM_INPUT', `${name}: expected ${expected}, found ${show(found)}`, {
    details: { key: name, expected, found: found ?? null },
  });
}
