import { hex, U64_LIMIT } from '../numbers.js';
import { remoteOf } from '../offset.js';
import { ADDRESS_MAX, SEGMENTS_MAX } from './limits.js';
import { parseLiteral, type Literal } from './parser.js';
import {
  ACTIONS,
  sizeOf,
  type Action,
  type AddSegment,
  type Command,
  type LocalRange,
  type RemoveSegment,
} from './types.js';
import { describe, readAddress, readOffset, valueError } from './values.js';

const COMMAND_KEYS = ['action', 'segments', 'cIP'] as const;
const SEGMENT_KEYS = ['startA', 'endA', 'offset', 'net', 'port', 'action'] as const;

type Entries<K extends string> = ReadonlyMap<K, Literal>;

/**
 * Reads a command from its text, JSON or as Python prints it.
 * @throws SDM_INPUT: with line and column for what is neither, with segment and key for what is no
 * command.
 */
export function parseCommand(text: string): Command {
  return decodeCommand(parseLiteral(text));
}

/** @throws SDM_INPUT naming segment and key. */
export function decodeCommand(value: Literal): Command {
  const command = entriesOf('the command', value, COMMAND_KEYS);
  const list = command.get('segments');
  if (!Array.isArray(list) || list.length === 0 || list.length > SEGMENTS_MAX) {
    const found = Array.isArray(list) ? `a list of ${list.length}` : describe(list);
    throw valueError('segments', `a list of 1 to ${SEGMENTS_MAX} segments`, found);
  }
  const parts = list.map((item: Literal, i) => entriesOf(`segments[${i}]`, item, SEGMENT_KEYS));
  const action = actionOf(command, parts);
  const cIP = command.has('cIP') ? readText('cIP', command.get('cIP')) : undefined;
  const segments =
    action === 'Add'
      ? ({ action, segments: parts.map(addSegment), cIP } as const)
      : ({ action, segments: parts.map(removeSegment), cIP } as const);
  checkApart(segments.segments);
  return segments;
}

/** The entries of a dictionary in which no other keys are. */
function entriesOf<K extends string>(key: string, value: Literal, known: readonly K[]): Entries<K> {
  if (!(value instanceof Map)) {
    throw valueError(key, `a dictionary with ${known.join(', ')}`, describe(value));
  }
  for (const name of value.keys() as Iterable<string>) {
    if ((known as readonly string[]).includes(name)) continue;
    throw valueError(key, `one of the keys ${known.join(', ')}`, describe(name));
  }
  return value as Entries<K>;
}

/** Of the command, or, where a sender puts it there, of every segment. */
function actionOf(
  command: Entries<(typeof COMMAND_KEYS)[number]>,
  parts: readonly Entries<(typeof SEGMENT_KEYS)[number]>[],
): Action {
  const own = command.has('action') ? readAction('action', command.get('action')) : undefined;
  let all = own;
  for (const [i, part] of parts.entries()) {
    if (!part.has('action')) continue;
    const key = `segments[${i}].action`;
    const found = readAction(key, part.get('action'));
    all ??= found;
    if (found !== all) throw valueError(key, `${all}, since a command does one thing`, found);
  }
  if (all !== undefined && (own !== undefined || parts.every((part) => part.has('action')))) {
    return all;
  }
  throw valueError('action', ACTIONS.join(' or '), 'nothing');
}

function readAction(key: string, value: Literal | undefined): Action {
  const found = ACTIONS.find(
    (action) => typeof value === 'string' && action.toLowerCase() === value.toLowerCase(),
  );
  if (found !== undefined) return found;
  throw valueError(key, ACTIONS.join(' or '), describe(value));
}

function readText(key: string, value: Literal | undefined): string {
  if (typeof value === 'string' && value.length > 0 && value.length <= ADDRESS_MAX) return value;
  throw valueError(key, `a string of 1 to ${ADDRESS_MAX} characters`, describe(value));
}

type Part = Entries<(typeof SEGMENT_KEYS)[number]>;

function addSegment(part: Part, index: number): AddSegment {
  const { remote, net, ...range } = removeSegment(part, index);
  if (remote === undefined) throw missing(index, 'offset');
  if (net === undefined) throw missing(index, 'net');
  return { ...range, remote, net };
}

function missing(index: number, key: string): Error {
  return valueError(`segments[${index}].${key}`, 'a value', 'nothing');
}

function removeSegment(part: Part, index: number): RemoveSegment {
  const at = (key: string) => `segments[${index}].${key}`;
  const start = readAddress(at('startA'), part.get('startA'));
  const end = readAddress(at('endA'), part.get('endA'));
  if (end < start) {
    throw valueError(at('endA'), `${hex(start)} (startA) or above`, hex(end));
  }
  const remote = part.has('offset') ? remoteAt(part, at('offset'), { start, end }) : undefined;
  return { start, end, remote, net: netOf(part, at) };
}

/** @throws SDM_INPUT where startA ± magnitude, or the end of the range, leaves the 64-bit space. */
function remoteAt(part: Part, key: string, range: LocalRange): bigint {
  const remote = remoteOf(range.start, readOffset(key, part.get('offset')));
  if (remote !== undefined && remote + sizeOf(range) <= U64_LIMIT) return remote;
  const expected = `an offset that keeps ${hex(range.start)} (startA) and its segment in 64 bits`;
  throw valueError(key, expected, describe(part.get('offset')));
}

/** `net`, or `port` of the older form: the transceiver, which is a network id of its own. */
function netOf(part: Part, at: (key: string) => string): bigint | undefined {
  if (!part.has('port')) {
    return part.has('net') ? readAddress(at('net'), part.get('net')) : undefined;
  }
  if (part.has('net')) {
    throw valueError(at('port'), 'no port beside net, which names the path already', 'both');
  }
  return readAddress(at('port'), part.get('port'));
}

/** @throws SDM_INPUT for two segments that have a local address in common. */
function checkApart(segments: readonly LocalRange[]): void {
  const order = segments.map((segment, index) => ({ ...segment, index }));
  order.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : a.index - b.index));
  for (const [i, { start, end, index }] of order.entries()) {
    const before = order[i - 1];
    if (before === undefined || before.end < start) continue;
    throw valueError(
      `segments[${index}]`,
      `a range apart from segments[${before.index}], ${hex(before.start)}-${hex(before.end)}`,
      `${hex(start)}-${hex(end)}`,
    );
  }
}
