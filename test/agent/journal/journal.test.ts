import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Journal, JournalEntry } from '../../../src/agent/attachments/journal.js';
import { openJournal } from '../../../src/agent/journal/index.js';
import { listen, record } from './entries.js';
import { PowerLossDisk, type DiskCall } from './power-loss.js';

const rest = (id: string): JournalEntry => ({ kind: 'rest', attachment: record({ id }) });
const forget = (id: string): JournalEntry => ({ kind: 'forget', id });
const at = (id: string): JournalEntry => ({ kind: 'at', id, direction: 'up', stage: 'online' });

let disk: PowerLossDisk;
let journal: Journal;
let now: number;
let calls: DiskCall[];
/** Calls that wait to be let through, while a test holds them. */
let held: (() => void)[] | undefined;

const open = async (): Promise<Journal> =>
  (journal = await openJournal('/state', { log: listen(), fs: disk.fs(), now: () => now }));
const ids = (): string[] => [...journal.state().attachments.keys()];
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  disk = new PowerLossDisk();
  disk.put('journal.reserve', Buffer.alloc(1 << 20));
  now = 1000;
  held = undefined;
  await open();
  calls = [];
  disk.gate = (call) => {
    calls.push(call);
    return held === undefined ? Promise.resolve() : new Promise((go) => held?.push(go));
  };
});
afterEach(() => void vi.useRealTimers());

describe('refusals', () => {
  test('after it was closed nothing is taken', async () => {
    await journal.close();
    await expect(journal.record(rest('a'))).rejects.toMatchObject({
      code: 'SDM_JOURNAL',
      message: expect.stringContaining('/state is closed'),
    });
    journal.note(at('a'));
    await journal.close();
    expect(ids()).toEqual([]);
  });

  test('an entry that could not be read again is not written', async () => {
    const steps = [{ step: 'online' as const, ms: Number.NaN }];
    const entry: JournalEntry = { kind: 'rest', attachment: record({ steps }) };
    await expect(journal.record(entry)).rejects.toThrow(/steps\[0\]\.ms/);
    expect(ids()).toEqual([]);
    expect(calls).toEqual([]);
  });
});

describe('groups', () => {
  test('what is handed in at once is one write and one sync', async () => {
    await Promise.all(['a', 'b', 'c'].map((id) => journal.record(rest(id))));
    expect(calls).toEqual(['write', 'datasync']);
  });

  test('what comes while those are written is the next one', async () => {
    held = [];
    const first = journal.record(rest('a'));
    await turn();
    const second = ['b', 'c', 'd'].map((id) => journal.record(rest(id)));
    held.shift()!();
    await turn();
    expect(calls).toEqual(['write', 'datasync']);
    expect(journal.stats().pending).toBe(4);
    const wait = held;
    held = undefined;
    for (const go of wait) go();
    await Promise.all([first, ...second]);
    expect(calls).toEqual(['write', 'datasync', 'write', 'datasync']);
  });

  test('nothing is answered for before it is synced', async () => {
    held = [];
    let safe = false;
    void journal.record(rest('a')).then(() => (safe = true));
    await turn();
    held.shift()!();
    await turn();
    expect(calls).toEqual(['write', 'datasync']);
    expect(safe).toBe(false);
    held.shift()!();
    await turn();
    expect(safe).toBe(true);
  });

  test('the state has what was handed in, as it was then', async () => {
    held = [];
    const attachment = record({ id: 'a', state: 'reserved' });
    const done = journal.record({ kind: 'attach', attachment });
    attachment.state = 'online';
    attachment.steps.push({ step: 'online', ms: 1 });
    expect(journal.state().attachments.get('a')).toMatchObject({
      doing: 'attach',
      record: { state: 'reserved', steps: [{ step: 'reserved' }] },
    });
    await turn();
    held.splice(0).forEach((go) => go());
    held = undefined;
    await done;
    await journal.close();
    await open();
    expect(journal.state().attachments.get('a')).toMatchObject({
      doing: 'attach',
      record: { state: 'reserved', steps: [{ step: 'reserved' }] },
    });
  });
});

describe('notes', () => {
  test('are written with the next entry that somebody waits for, in order', async () => {
    await journal.record(rest('a'));
    calls.length = 0;
    journal.note(at('a'));
    await turn();
    expect(calls).toEqual([]);
    await journal.record(forget('b'));
    expect(calls).toEqual(['write', 'datasync']);
    const lines = disk.files.get('journal')!.toString().split('\n');
    expect(lines.at(-3)).toContain('{"kind":"at"');
    expect(lines.at(-2)).toContain('{"kind":"forget"');
  });

  test('are written soon if nothing follows, and not synced: a kill leaves them', async () => {
    await journal.record(rest('a'));
    calls.length = 0;
    journal.note(at('a'));
    vi.advanceTimersByTime(100);
    await turn();
    expect(calls).toEqual(['write']);
    disk.kill();
    await open();
    expect(journal.state().attachments.get('a')?.at).toEqual({ direction: 'up', stage: 'online' });
  });

  test('are safe when the journal is closed', async () => {
    await journal.record(rest('a'));
    journal.note(at('a'));
    await journal.close();
    disk.crash(() => 0);
    await open();
    expect(journal.state().attachments.get('a')?.at).toBeDefined();
  });
});

describe('close', () => {
  test('writes what was handed in, and waits for it', async () => {
    held = [];
    const done = journal.record(rest('a'));
    const closing = journal.close();
    expect(journal.close()).toBe(closing);
    await turn();
    held.splice(0).forEach((go) => go());
    held = undefined;
    await Promise.all([done, closing]);
    disk.crash(() => 0);
    await open();
    expect(ids()).toEqual(['a']);
  });
});

describe('checkpoints', () => {
  const error = { code: 'X', message: 'x'.repeat(300 << 10) };
  const long = (id: string): JournalEntry => ({
    kind: 'rest',
    attachment: record({ id, error }),
  });

  test('shorten the log to what counts, also where entries come meanwhile', async () => {
    await journal.record({ kind: 'epoch', epoch: 7n, controller: 'c' });
    for (let i = 0; i < 4; i++) await journal.record(long('a'));
    const before = journal.stats().bytes;
    expect(before).toBeGreaterThan(1 << 20);
    await Promise.all([journal.record(rest('a')), journal.record(rest('b'))]);
    await Promise.all([journal.record(forget('a')), journal.record(rest('c'))]);
    expect(journal.stats()).toMatchObject({ checkpoints: 1 });
    expect(journal.stats().bytes).toBeLessThan(before / 2);
    expect(disk.files.has('journal.new')).toBe(false);
    disk.crash(() => 0);
    await open();
    expect(ids()).toEqual(['b', 'c']);
    expect(journal.state().epoch).toEqual({ epoch: 7n, controller: 'c' });
  });

  test('are not made again and again where the state itself is long', async () => {
    for (const id of ['a', 'b', 'c', 'd']) await journal.record(long(id));
    for (let i = 0; i < 30; i++) await journal.record(rest('e'));
    expect(journal.stats().checkpoints).toBe(1);
  });
});

describe('statistics', () => {
  test('tell how long who waits has been waiting, and how long it took', async () => {
    expect(journal.stats()).toMatchObject({ pending: 0, lagMs: 0, lastSyncMs: 0, checkpoints: 0 });
    held = [];
    const done = journal.record(rest('a'));
    journal.note(at('a'));
    await turn();
    now += 40;
    expect(journal.stats()).toMatchObject({ pending: 1, lagMs: 40 });
    const { bytes } = journal.stats();
    now += 2;
    held.splice(0).forEach((go) => go());
    held = undefined;
    await done;
    expect(journal.stats()).toMatchObject({ pending: 0, lagMs: 0, lastSyncMs: 42 });
    expect(journal.stats().bytes).toBeGreaterThan(bytes);
    expect(journal.stats().bytes).toBe(disk.files.get('journal')!.length);
    expect(journal.stats().failure).toBeUndefined();
  });
});
