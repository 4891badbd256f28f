import { describe, expect, test } from 'vitest';
import type { Journal, JournalEntry } from '../../../src/agent/attachments/journal.js';
import { openJournal } from '../../../src/agent/journal/index.js';
import { listen, record } from './entries.js';
import { PowerLossDisk, type DiskCall } from './power-loss.js';

/** Long enough that three of them make a log that is due for a checkpoint. */
const LONG = { code: 'X', message: 'x'.repeat(400 << 10) };
const entry = (id: string, more: object = {}): JournalEntry => ({
  kind: 'rest',
  attachment: record({ id, ...more }),
});

const open = (disk: PowerLossDisk): Promise<Journal> =>
  openJournal('/state', { log: listen(), fs: disk.fs() });

/** What a power loss leaves of what was not synced. */
const NOTHING = (): number => 0;
const HALF = (
  (i) => (limit: number) =>
    i++ % limit
)(0);

/** Opens, records, shortens the log: every call that the journal makes is among these. */
async function work(disk: PowerLossDisk, acknowledged: string[]): Promise<void> {
  const journal = await open(disk);
  const add = async (id: string, more?: object): Promise<void> => {
    await journal.record(entry(id, more));
    acknowledged.push(id);
  };
  await add('first');
  for (const id of ['long', 'long', 'long']) await add(id, { error: LONG });
  journal.note({ kind: 'at', id: 'first', direction: 'down', stage: 'x'.repeat(9000) });
  await Promise.all([add('second'), add('third')]);
  await add('fourth');
  await journal.close();
}

/**
 * Works until `count` calls were made, and leaves it there. With a fault: goes on, and that call
 * fails. @returns ids of which it was said that they are safe.
 */
async function workUntil(disk: PowerLossDisk, count: number, fault?: string): Promise<string[]> {
  const acknowledged: string[] = [];
  let calls = 0;
  await new Promise<void>((resolve) => {
    disk.gate = (call) => {
      if (calls++ !== count) return Promise.resolve();
      if (fault === undefined) {
        resolve();
        return new Promise(() => {});
      }
      disk.fail(call, fault);
      return Promise.resolve();
    };
    // What the journal refuses is not acknowledged, and that is all that counts here.
    work(disk, acknowledged).then(resolve, () => resolve());
  });
  disk.gate = undefined;
  return [...acknowledged];
}

/** The calls that the work makes where nothing comes between. */
async function callsOfWork(): Promise<readonly DiskCall[]> {
  const disk = new PowerLossDisk();
  const calls: DiskCall[] = [];
  disk.gate = (call) => Promise.resolve(void calls.push(call));
  await work(disk, []);
  return calls;
}

/** Opens what is left: all of these must be there. */
async function expectThere(disk: PowerLossDisk, ids: readonly string[], when: string) {
  const journal = await open(disk);
  const found = journal.state().attachments;
  expect(
    ids.filter((id) => !found.has(id)),
    when,
  ).toEqual([]);
  await journal.close();
}

/** Another agent goes on, until the power goes. */
async function goOn(disk: PowerLossDisk, acknowledged: readonly string[], when: string) {
  disk.kill();
  const journal = await open(disk);
  const known = [...journal.state().attachments.keys()];
  await journal.record(entry('last'));
  disk.crash(NOTHING);
  await expectThere(disk, [...acknowledged, ...known, 'last'], when);
}

const calls = await callsOfWork();

test('the work does all that a journal does', () => {
  const checkpoints = calls.filter((call) => call === 'rename').length;
  expect(checkpoints, 'the first file, and at least one checkpoint').toBeGreaterThan(1);
});

describe.each([
  ['nothing', NOTHING],
  ['a part', HALF],
])('the power goes, and of what was not synced %s is left', (_name, choose) => {
  test('at every call', async () => {
    for (const [count, call] of calls.entries()) {
      const disk = new PowerLossDisk();
      const acknowledged = await workUntil(disk, count);
      disk.crash(choose);
      await expectThere(disk, acknowledged, `call ${count}, ${call}`);
    }
  });
});

describe('another agent goes on, and then the power goes', () => {
  test('killed at every call', async () => {
    for (const [count, call] of calls.entries()) {
      const disk = new PowerLossDisk();
      await goOn(disk, await workUntil(disk, count), `call ${count}, ${call}`);
    }
  });

  test.each(['EIO', 'ENOSPC'])('every call failed with %s', async (errno) => {
    for (const [count, call] of calls.entries()) {
      const disk = new PowerLossDisk();
      await goOn(disk, await workUntil(disk, count, errno), `call ${count}, ${call}`);
    }
  });
});
