import type { ErrorObject, ValidateFunction } from 'ajv';
import { SdmError } from '../../common/errors.js';
import {
  locateAll,
  pathText,
  placeIn,
  type JsonPath,
  type Target,
} from '../../common/json-scan.js';
import { explainOne } from '../../common/schema-errors.js';

/** Something in a topology that cannot be. */
export interface Fault {
  readonly path: JsonPath;
  /** What of the path stands in the text: of a key that is missing, its object does. */
  readonly at?: 'key' | 'parent';
  readonly expected: string;
  readonly found: unknown;
}

/** All faults are looked for up to this one. */
export const MAX_FAULTS = 20;

/** What a validator finds wrong with a value, if anything. @param base where the value is. */
export function schemaFault(
  validate: ValidateFunction,
  value: unknown,
  base: JsonPath = [],
): Fault | undefined {
  if (validate(value)) return undefined;
  const error = validate.errors?.[0];
  if (error === undefined) return { path: base, expected: 'another form', found: value };
  const { expected, found } = explainOne(error);
  const { keyword } = error;
  const params = error.params as Record<string, unknown>;
  const path = [...base, ...instancePath(error, value)];
  if (keyword === 'required') {
    path.push(String(params['missingProperty']));
    return { path, at: 'parent', expected, found };
  }
  if (keyword === 'additionalProperties') {
    path.push(String(params['additionalProperty']));
    return { path, at: 'key', expected, found };
  }
  return { path, expected, found };
}

/** Its pointer, indexes as numbers. */
function instancePath(error: ErrorObject, value: unknown): (string | number)[] {
  let at = value;
  return error.instancePath
    .split('/')
    .slice(1)
    .map((part) => {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
      const step = Array.isArray(at) ? Number(key) : key;
      at = (at as Record<string | number, unknown>)[step];
      return step;
    });
}

interface Place {
  readonly line: number;
  readonly column: number;
}

/** A fault in a line, such as `rack.json:3:5: racks[0].id: expected …, found …`. */
function faultText(fault: Fault, file: string, place: Place | undefined): string {
  const where = place === undefined ? file : `${file}:${place.line}:${place.column}`;
  const path = pathText(fault.path);
  const at = path === '' ? '' : `${path}: `;
  return `${where}: ${at}expected ${fault.expected}, found ${shown(fault.found)}`;
}

function placesOf(faults: readonly Fault[], text: string | undefined): (Place | undefined)[] {
  if (text === undefined) return faults.map(() => undefined);
  const targets = faults.map(({ path, at }): Target => {
    if (at === 'parent') return { path: path.slice(0, -1) };
    return { path, of: at ?? 'value' };
  });
  return locateAll(text, targets).map((index) =>
    index === undefined ? undefined : placeIn(text, index),
  );
}

/** A value for a message: neither depth nor length of it matters. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = typeof value === 'string' ? value.slice(0, 121) : value;
  const json = JSON.stringify(text);
  return json.length > 120 ? `${json.slice(0, 117)}...` : json;
}

/** All faults as one error; the first is its message. @param text where the topology is from one. */
export function topologyError(faults: readonly Fault[], file: string, text?: string): SdmError {
  const places = placesOf(faults, text);
  const lines = faults.map((fault, i) => faultText(fault, file, places[i]));
  const more =
    lines.length < 2 ? '' : ` (and ${lines.length - 1} more: \`sdm topology check\` lists them)`;
  return new SdmError('SDM_TOPOLOGY', `${lines[0] ?? `${file} is no topology`}${more}`, {
    details: {
      file,
      faults: faults.map((fault, i) => ({
        path: pathText(fault.path),
        expected: fault.expected,
        found: shown(fault.found),
        ...places[i],
        text: lines[i],
      })),
    },
  });
}
