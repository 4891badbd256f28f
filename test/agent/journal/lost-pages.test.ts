import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Journal, JournalEntry } from '../../../src/agent/attachments/journal.js';
import { openJournal } from '../../../src/agent/journal/index.js';
import { listen, record } from './entries.js';
import { PowerLossDisk } from './power-loss.js';

/** Long enough to have pages of the disk for itself. */
const LONG_NOTE: JournalEntry = {
  kind: 'at',
  id: 'a',
  direction: 'down',
  stage: 'x'.repeat(3 * 4096),
};
const rest = (id: string): JournalEntry => ({ kind: 'rest', attachment: record({ id }) });

const NOTHING = (): number => 0;

let disk: PowerLossDisk;
let journal: Journal;
const open = async (): Promise<Journal> =>
  (journal = await openJournal('/state', { log: listen(), fs: disk.fs() }));

/** Writes a note and does not sync it: it waits for an entry that somebody waits for. */
async function writeNote(): Promise<void> {
  const before = disk.calls.write;
  journal.note(LONG_NOTE);
  vi.advanceTimersByTime(100);
  while (disk.calls.write === before) await new Promise((resolve) => setImmediate(resolve));
}

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  disk = new PowerLossDisk();
  await open();
  await journal.record(rest('a'));
  await writeNote();
});
afterEach(() => void vi.useRealTimers());

/** What is safe must be there when nothing but that is. */
async function expectSafe(...ids: string[]): Promise<void> {
  disk.crash(NOTHING);
  await open();
  expect([...journal.state().attachments.keys()]).toEqual(ids);
}

describe('pages that a failed sync left in memory alone', () => {
  test('are not what a safe entry stands behind', async () => {
    disk.fail('datasync', 'EIO');
    await journal.record(rest('b'));
    await expectSafe('a', 'b');
  });

  test('nor where the journal could not be written anew at once', async () => {
    disk.fail('datasync', 'EIO');
    disk.fail('rename', 'EIO');
    await expect(journal.record(rest('b'))).rejects.toMatchObject({ code: 'SDM_JOURNAL' });
    await journal.record(rest('c'));
    await expectSafe('a', 'c');
  });

  test('nor for the agent that comes next, and reads them', async () => {
    disk.fail('datasync', 'EIO');
    disk.fail('rename', 'EIO');
    await expect(journal.record(rest('b'))).rejects.toMatchObject({ code: 'SDM_JOURNAL' });
    disk.kill();
    await open();
    expect(journal.state().attachments.get('a')?.at).toMatchObject({ direction: 'down' });
    await journal.record(rest('d'));
    await expectSafe('a', 'd');
  });
});

test('a note that is lost does not make the journal look corrupt', async () => {
  disk.gate = (call) => (call === 'datasync' ? new Promise(() => {}) : Promise.resolve());
  const writes = disk.calls.write;
  void journal.record(rest('b'));
  while (disk.calls.write === writes) await new Promise((resolve) => setImmediate(resolve));
  disk.gate = undefined;
  // all of the entry after it is there, and its own first page is not
  let page = 0;
  disk.crash((limit) => (limit === 2 ? 0 : page++ === 1 ? 0 : limit - 1));
  await open();
  expect([...journal.state().attachments.keys()]).toEqual(['a']);
});
