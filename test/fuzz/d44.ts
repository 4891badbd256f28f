import assert from 'node:assert/strict';
import {
  checkAdd,
  misalignment,
  parseCommand,
  printCommand,
  SEGMENTS_MAX,
  sizeOf,
  type Command,
} from '../../src/abi/d44/index.js';
import { SdmError } from '../../src/common/errors.js';
import { DOCUMENT_EXAMPLE, DOCUMENT_REMOVE } from '../abi/d44/example.js';
import type { Outcome, Target } from './fuzzer.js';

const U64 = 1n << 64n;
const UNIT = 0x1000_0000n;
/** A sentence, however long what it speaks of. */
const MESSAGE_MAX = 1_000;

const SEEDS = [
  DOCUMENT_EXAMPLE,
  DOCUMENT_REMOVE,
  JSON.stringify({
    action: 'Add',
    segments: [{ startA: 0x1000, endA: 0x1fff, offset: -0x1000, net: 0 }],
  }),
  '{"segments":[{"startA":"400000000","endA":"40fffffff","port":1,"offset":"8000000400000000"}],"action":"Add"}',
  '{"segments":[{"startA":"0","endA":"ffffffffffffffff","action":"remove"}]}',
  "{'segments': ({'startA': '0xfffffffffffff000', 'endA': '0xffffffffffffffff', 'offset': '-1', 'net': 9007199254740991},), 'action': u'ADD', 'cIP': \"::1\"}",
  '',
  '[]',
  '{}',
] as const;

const DICTIONARY = [
  ...['action', 'segments', 'cIP', 'startA', 'endA', 'offset', 'net', 'port', '__proto__'],
  ...['Add', 'Remove', 'None', 'True', 'null', 'NaN', '{', '}', '[', ']', '(', ')', ',', ':'],
  ...['"action"', "'startA': ", '{"startA": 1, "endA": 2}', "u'", "'", '"', '\\', '\\u0041'],
  ...['0', '1', '-1', '-0', '00', '1.5', '1e3', '0x10', '0xL', '5L', '4096', '268435456'],
  ...['9007199254740991', '9007199254740992', '-9007199254740992', '18446744073709551616'],
  ...["'7fffffffffffffff'", "'8000000000000000'", "'ffffffffffffffff'", "'10000000000000000'"],
  ...["'-8000000000000000'", "'0x'", '9'.repeat(70), '\n', '\r\n', '\t', '\u00a0', '\u2019'],
] as const;

/** Reader, checks and printer of D4.4's commands. */
export const d44: Target = {
  seeds: SEEDS,
  dictionary: DICTIONARY,
  run(text): Outcome {
    let command: Command;
    try {
      command = parseCommand(text);
    } catch (error) {
      const name = refusal(error);
      return { name, far: !name.startsWith('line ') };
    }
    holds(command);
    return { name: `${command.action} ${command.segments.length} ${checks(command)}`, far: true };
  },
};

/** What an accepted command promises to those who act on it. */
function holds(command: Command): void {
  const { segments, cIP } = command;
  assert.ok(segments.length >= 1 && segments.length <= SEGMENTS_MAX);
  assert.ok(cIP === undefined || (cIP.length > 0 && cIP.length <= 255));
  const order = [...segments].sort((a, b) => (a.start < b.start ? -1 : 1));
  for (const [i, segment] of order.entries()) {
    const { start, end, remote, net } = segment;
    assert.ok(start >= 0n && start <= end && end < U64);
    assert.ok(i === 0 || order[i - 1]!.end < start);
    assert.ok(command.action === 'Remove' || (remote !== undefined && net !== undefined));
    assert.ok(remote === undefined || (remote >= 0n && remote + sizeOf(segment) <= U64));
    assert.ok(net === undefined || (net >= 0n && net < U64));
  }
  for (const form of ['json', 'python'] as const) {
    assert.deepEqual(parseCommand(printCommand(command, form)), command);
  }
}

/** The checks either pass or say what is wrong, with every combination that can be configured. */
function checks(command: Command): string {
  for (const i of command.segments.keys()) misalignment(command.segments, i, UNIT);
  if (command.action === 'Remove') return '';
  return [UNIT, undefined]
    .flatMap((unit) => [true, false].map((remoteOverlap) => ({ unit, remoteOverlap })))
    .map((what) => {
      try {
        checkAdd(command, what);
        return 'passes';
      } catch (error) {
        return refusal(error);
      }
    })
    .join(' ');
}

/** Every refusal is a sentence with a code, and details that can be sent. */
function refusal(error: unknown): string {
  assert.ok(error instanceof SdmError, String(error));
  assert.equal(error.code, 'SDM_INPUT');
  assert.ok(error.message.length < MESSAGE_MAX, `${error.message.length} characters`);
  assert.ok(!/[\n\r]/.test(error.message), 'a message of several lines');
  assert.ok(error.details !== undefined && JSON.stringify(error.details).length > 2);
  return error.message.replaceAll(
    /"(?:[^"\\]|\\.)*"( \(U\S+\))?|U\+\S+|-?(0x)?[0-9a-f]*[0-9]\S*/g,
    '#',
  );
}
