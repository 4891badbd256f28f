import type { ErrorObject } from 'ajv';
import { closest } from './closest.js';

/** What a schema found wrong, in words for the person who wrote the value. */
export interface Explanation {
  /** Such as `shares[0].start`; empty for the value as a whole. */
  readonly key: string;
  readonly expected: string;
  /** undefined: there was nothing. */
  readonly found: unknown;
}

interface Schema {
  readonly properties?: object;
  readonly type?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  /** Our own annotation: what a pattern means in words. */
  readonly expected?: string;
}

/**
 * The first error of an Ajv run (with `verbose: true`) in words: ajv's own messages speak to those
 * who wrote the schema.
 */
export function explain(errors: readonly ErrorObject[] | null | undefined): Explanation {
  const error = errors?.[0];
  return error === undefined
    ? { key: '', expected: 'another form', found: undefined }
    : explainOne(error);
}

/** One error of an Ajv run (with `verbose: true`) in words. */
export function explainOne(error: ErrorObject): Explanation {
  const at = keyOf(error.instancePath);
  const join = (key: string): string => (at === '' ? key : `${at}.${key}`);
  const params = error.params as Record<string, unknown>;
  const schema = (error.parentSchema ?? {}) as Schema;
  switch (error.keyword) {
    case 'required':
      return {
        key: join(String(params['missingProperty'])),
        expected: 'a value',
        found: undefined,
      };
    case 'additionalProperties': {
      const key = String(params['additionalProperty']);
      const known = knownKeys(schema);
      const meant = closest(key, known);
      const guess = meant === undefined ? '' : ` (is "${meant}" meant?)`;
      return {
        key: join(key),
        expected: known.length === 0 ? 'no key' : `one of the keys ${known.join(', ')}${guess}`,
        found: (error.data as Record<string, unknown>)[key],
      };
    }
    case 'enum': {
      const allowed = params['allowedValues'] as readonly unknown[];
      const expected = allowed.map((value) => JSON.stringify(value)).join(' or ');
      return { key: at, expected, found: error.data };
    }
    case 'const':
      return { key: at, expected: JSON.stringify(params['allowedValue']), found: error.data };
    case 'pattern': {
      const expected = schema.expected ?? `a match of ${String(params['pattern'])}`;
      return { key: at, expected, found: error.data };
    }
    case 'type': {
      const expected = schema.expected ?? `a value of type ${String(params['type'])}`;
      return { key: at, expected, found: error.data };
    }
    case 'minimum':
    case 'maximum':
      return { key: at, expected: schema.expected ?? rangeText(schema), found: error.data };
    case 'minLength':
    case 'maxLength':
    case 'minItems':
    case 'maxItems': {
      const limit = Number(params['limit']);
      const what = error.keyword.endsWith('Items') ? 'element' : 'character';
      const side = error.keyword.startsWith('min') ? 'at least' : 'at most';
      const expected = schema.expected ?? `${side} ${limit} ${what}${limit === 1 ? '' : 's'}`;
      return { key: at, expected, found: error.data };
    }
    default:
      return {
        key: at,
        expected: `a value that ${error.message ?? `passes ${error.keyword}`}`,
        found: error.data,
      };
  }
}

/** Whether an error is a key that stands close to one that is known. */
export function isMisspelt({ keyword, params, parentSchema }: ErrorObject): boolean {
  if (keyword !== 'additionalProperties') return false;
  const key = String((params as Record<string, unknown>)['additionalProperty']);
  return closest(key, knownKeys((parentSchema ?? {}) as Schema)) !== undefined;
}

function knownKeys({ properties = {} }: Schema): string[] {
  return Object.keys(properties).filter((name) => !name.startsWith('$'));
}

/** Such as "a whole number from 0 to 511". */
function rangeText({ type, minimum, maximum }: Schema): string {
  const what = type === 'integer' ? 'a whole number' : 'a number';
  if (maximum === undefined) return `${what} from ${minimum} up`;
  return minimum === undefined
    ? `${what} up to ${maximum}`
    : `${what} from ${minimum} to ${maximum}`;
}

/** A value as a message shows it: JSON, cut where it is long. */
export function show(found: unknown): string {
  if (found === undefined) return 'nothing';
  const text = JSON.stringify(found) ?? String(found);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

/** `/shares/0/start` as people write it: `shares[0].start`. */
function keyOf(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^[0-9]+$/.test(part) ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');
}
