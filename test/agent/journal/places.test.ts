import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Direction, Journal } from '../../../src/agent/attachments/journal.js';
import { openJournal } from '../../../src/agent/journal/index.js';
import { readLog } from '../../../src/agent/journal/lines.js';
import { listen, record } from './entries.js';

let dir: string;
let journal: Journal;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sdm-journal-places-'));
  journal = await openJournal(dir, { log: listen() });
});
afterEach(async () => {
  await journal.close();
  rmSync(dir, { recursive: true });
});

const at = (id: string, stage: string, direction: Direction = 'up'): void =>
  journal.note({ kind: 'at', id, direction, stage });
const rest = (id: string): Promise<void> =>
  journal.record({ kind: 'rest', attachment: record({ id }) });
const attach = (id: string): Promise<void> =>
  journal.record({ kind: 'attach', attachment: record({ id }) });

/** Words for the entries of the file, in order. */
function written(): string[] {
  return readLog(readFileSync(join(dir, 'journal'))).lines.map(({ entry }) => {
    if (entry.kind === 'at') return `${entry.id} ${entry.direction} ${entry.stage}`;
    return 'attachment' in entry ? `${entry.kind} ${entry.attachment.id}` : entry.kind;
  });
}

test('of the places that were not written yet only the last one is', async () => {
  await attach('a');
  at('a', 'link');
  at('a', 'program');
  at('a', 'claim');
  await attach('b');
  expect(written()).toEqual(['attach a', 'a up claim', 'attach b']);
  expect(journal.state().attachments.get('a')?.at).toEqual({ direction: 'up', stage: 'claim' });
});

test('each attachment has its own', async () => {
  await Promise.all([attach('a'), attach('b')]);
  for (const stage of ['program', 'claim']) for (const id of ['a', 'b']) at(id, stage);
  await attach('c');
  expect(written().slice(2)).toEqual(['a up claim', 'b up claim', 'attach c']);
});

test('a place is never written before an entry that it comes after', async () => {
  await attach('a');
  at('a', 'program');
  const rests = rest('a');
  at('a', 'program', 'down');
  await rests;
  await rest('b');
  expect(written()).toEqual(['attach a', 'a up program', 'rest a', 'a down program', 'rest b']);
});

test('one that is being written is not changed any more', async () => {
  await attach('a');
  at('a', 'program');
  const first = attach('b');
  await setImmediate(); // by now the group of "b" is taken
  at('a', 'claim');
  await first;
  await attach('c');
  expect(written()).toEqual(['attach a', 'a up program', 'attach b', 'a up claim', 'attach c']);
});

test('the last one is there after a restart', async () => {
  await attach('a');
  at('a', 'program');
  at('a', 'claim');
  await journal.close();
  journal = await openJournal(dir, { log: listen() });
  expect(journal.state().attachments.get('a')).toMatchObject({
    doing: 'attach',
    at: { direction: 'up', stage: 'claim' },
  });
});
