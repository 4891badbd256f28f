import fc from 'fast-check';
import type { JournalEntry } from '../../../src/agent/attachments/journal.js';
import type { AttachmentRecord } from '../../../src/agent/attachments/record.js';
import { ATTACHMENT_MODES, ATTACHMENT_STATES, type Log } from '../../../src/agent/types.js';

const MIB = 1n << 20n;

/** An attachment at rest, with what a test says otherwise. */
export function record(more: Partial<AttachmentRecord> = {}): AttachmentRecord {
  return {
    id: 'a1',
    owner: 'local',
    request: {
      mode: 'system-ram',
      size: 256n * MIB,
      node: 1,
      shared: false,
      retain: false,
      start: undefined,
      memport: undefined,
      remote: undefined,
      outId: undefined,
      inId: 0n,
    },
    start: 0x80_1000_0000n,
    remote: 0x1000_0000n,
    memport: 0,
    outId: 1n,
    blocks: [8, 9],
    state: 'online',
    reached: 5,
    waits: undefined,
    touched: true,
    retain: false,
    device: undefined,
    error: undefined,
    steps: [{ step: 'reserved', ms: 0.012 }],
    ...more,
  };
}

const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const waits = maybe(fc.constantFrom('controller' as const, 'restore' as const));
const natural = fc.nat(4096);
const text = fc.string({ unit: 'binary', maxLength: 20 });

const request = fc.record({
  mode: fc.constantFrom(...ATTACHMENT_MODES),
  size: u64,
  node: fc.integer({ min: -1, max: 1023 }),
  shared: fc.boolean(),
  retain: fc.boolean(),
  start: maybe(u64),
  memport: maybe(natural),
  remote: maybe(u64),
  outId: maybe(u64),
  inId: u64,
});

/** Any attachment; of few ids, so that entries meet. */
export const anyRecord: fc.Arbitrary<AttachmentRecord> = fc.record({
  id: fc.constantFrom('a', 'b', 'c', 'd'),
  owner: text,
  request,
  start: u64,
  remote: u64,
  memport: natural,
  outId: u64,
  blocks: maybe(fc.array(natural, { maxLength: 4 })),
  state: fc.constantFrom(...ATTACHMENT_STATES),
  reached: natural,
  waits,
  touched: fc.boolean(),
  retain: fc.boolean(),
  device: maybe(fc.record({ path: text, offset: u64, size: u64 })),
  error: maybe(
    fc.oneof(
      fc.record({ code: text, message: text }),
      fc.record({
        code: text,
        message: text,
        details: fc.dictionary(
          text.filter((key) => key !== '__proto__'),
          fc.oneof(text, natural, fc.constant(null)),
        ),
      }),
    ),
  ),
  steps: fc.array(
    fc.record({
      step: fc.constantFrom('reserved' as const, 'online' as const, 'free' as const),
      ms: fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 }),
    }),
    { maxLength: 3 },
  ),
});

const held = fc.record({
  spec: fc.record(
    { start: u64, size: u64, remote: u64, outId: u64, inId: u64 },
    { requiredKeys: ['start', 'size', 'remote'] },
  ),
  by: text,
});

const kind = <const K extends string>(name: K) => fc.constant(name);

/** fast-check leaves some without a prototype, as no entry is. */
const plain = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  values.map((value) => structuredClone(value));

/** Notes as the agent makes them. */
export const anyNote: fc.Arbitrary<JournalEntry> = plain(
  fc.record({
    kind: kind('at'),
    id: fc.constantFrom('a', 'b', 'c', 'd'),
    direction: fc.constantFrom('up' as const, 'down' as const),
    // long ones end on a page of the disk that nothing else is on
    stage: fc.oneof(text, fc.constant('x'.repeat(6000))),
  }),
);

const any: fc.Arbitrary<JournalEntry> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: kind('attach'), attachment: anyRecord }) },
  fc.record({ kind: kind('detach'), attachment: anyRecord }),
  fc.record({ kind: kind('rest'), attachment: anyRecord }),
  anyNote,
  fc.record({ kind: kind('forget'), id: fc.constantFrom('a', 'b', 'c', 'd') }),
  fc.record({ kind: kind('policy'), saved: fc.option(text, { nil: null }) }),
  fc.record({ kind: kind('memport'), port: fc.nat(3), held: fc.option(held, { nil: null }) }),
  fc.record({ kind: kind('epoch'), epoch: u64, controller: text }),
  fc.record({
    kind: kind('begin'),
    identity: fc.record({ brick: text, registers: text, pool: text }),
    bootId: text,
  }),
);

export const anyEntry = plain(any);

/** A log that keeps what it was told. */
export function listen(): Log & { readonly lines: string[]; of(level: string): string[] } {
  const lines: string[] = [];
  const at =
    (level: string) =>
    (_fields: object, message: string): void => {
      lines.push(`${level}: ${message}`);
    };
  return {
    lines,
    of: (level) => lines.filter((line) => line.startsWith(`${level}: `)),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  };
}
