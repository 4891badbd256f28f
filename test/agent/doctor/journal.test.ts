import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import type { JournalEntry } from '../../../src/agent/attachments/journal.js';
import { encodeOffset } from '../../../src/abi/codec.js';
import { openJournal } from '../../../src/agent/journal/index.js';
import { memport } from '../../abi/examples.js';
import { POOL, POOL_BASE, REGISTERS } from '../probe/tree.js';
import { block, BOOT_ID, holdRow, type Row } from './examining.js';

const log = { debug() {}, info() {}, warn() {}, error() {} };

/** A journal as an agent leaves it that began on this brick, in this boot. */
const written =
  (
    changes: { brick?: string; registers?: string; pool?: string; bootId?: string } = {},
    more: JournalEntry[] = [],
  ) =>
  async (dir: string): Promise<void> => {
    const journal = await openJournal(join(dir, 'state'), { log });
    const { brick = 'b1', registers = `bar ${REGISTERS}`, bootId = BOOT_ID } = changes;
    const { pool = `bar ${POOL}` } = changes;
    await journal.record({ kind: 'begin', identity: { brick, registers, pool }, bootId });
    for (const entry of more) await journal.record(entry);
    await journal.close();
  };

const byHand: JournalEntry = {
  kind: 'memport',
  port: 0,
  held: {
    spec: { start: POOL_BASE + 0x200000n, size: 0x200000n, remote: 0x200000n },
    by: 'local',
  },
};
const set = memport({
  start: POOL_BASE + 0x200000n,
  end: POOL_BASE + 0x3fffffn,
  offset: encodeOffset(POOL_BASE + 0x200000n, 0x200000n),
  set: true,
  status: 1,
});
const file = (dir: string): string => join(dir, 'state/journal');

const ROWS: Row[] = [
  ['there is none', {}, 'journal', 'ok', { found: /^none in / }],
  ['it is whole', { prepare: written() }, 'journal', 'ok', { found: /1 entries; attachments: 0/ }],
  [
    'it holds a memport, which is set',
    {
      prepare: written({}, [byHand]),
      tree: { [`sys/bus/pci/devices/${REGISTERS}/resource2`]: block([set]) },
    },
    'foreign',
    'ok',
    { found: /^1 memport is set, known to the journal$/ },
  ],
  [
    'it is of another brick',
    { prepare: written({ brick: 'b2' }) },
    'journal',
    'problem',
    { found: /the brick "b2", and this one is "b1"/, command: /journal show/ },
  ],
  [
    'it is of other registers',
    { prepare: written({ registers: 'bar 0000:00:09.0' }) },
    'journal',
    'problem',
    { found: /"bar 0000:00:09\.0", and this brick has "bar 0000:00:02\.0"/ },
  ],
  [
    'it is of another pool',
    { prepare: written({ pool: 'bar 0000:00:09.0' }) },
    'journal',
    'problem',
    { found: /the pool "bar 0000:00:09\.0", and this brick has "bar 0000:00:03\.0"/ },
  ],
  ['it knows of no pool yet', { prepare: written({ pool: 'none' }) }, 'journal', 'ok', {}],
  [
    'its end was never finished',
    {
      prepare: async (dir) => {
        await written()(dir);
        appendFileSync(file(dir), '12345678 2 1 {"kind":"for');
      },
    },
    'journal',
    'note',
    { found: /25 bytes at its end/ },
  ],
  [
    'it is damaged where it was safe',
    {
      prepare: async (dir) => {
        await written({}, [byHand, { kind: 'policy', saved: null }])(dir);
        writeFileSync(file(dir), readFileSync(file(dir), 'utf8').replace('"port":0', '"port":1'));
      },
    },
    'journal',
    'problem',
    { found: /line 3/, command: /journal show --state-dir \/.+\S$/ },
  ],
  [
    'it is something else',
    { prepare: async (dir) => writeFileSync(file(dir), 'hello\n') },
    'journal',
    'problem',
    { cause: /does not start/ },
  ],
  [
    'it is a directory',
    { prepare: async (dir) => void mkdirSync(file(dir)) },
    'journal',
    'problem',
    { found: /is a directory/ },
  ],
  [
    'its reserve is gone',
    {
      prepare: async (dir) => {
        await written()(dir);
        rmSync(join(dir, 'state/journal.reserve'));
      },
    },
    'journal',
    'warning',
    { found: /1 MiB/, cause: /full/ },
  ],
];

describe('the journal', () => {
  it.each(ROWS)('%s', (...row) => holdRow(row));
});
