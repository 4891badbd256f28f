import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Journal, JournalEntry } from '../../../src/agent/attachments/journal.js';
import { openJournal } from '../../../src/agent/journal/index.js';
import { listen, record } from './entries.js';
import { PowerLossDisk } from './power-loss.js';

const MIB = 1 << 20;
const PLENTY = 64 * MIB;

const attach = (id: string): JournalEntry => ({ kind: 'attach', attachment: record({ id }) });
const rest = (id: string): JournalEntry => ({ kind: 'rest', attachment: record({ id }) });
const detach = (id: string): JournalEntry => ({ kind: 'detach', attachment: record({ id }) });
const forget = (id: string): JournalEntry => ({ kind: 'forget', id });
const ids = (journal: Journal): string[] => [...journal.state().attachments.keys()];

describe('a disk that is full', () => {
  let disk: PowerLossDisk;
  let log: ReturnType<typeof listen>;
  let journal: Journal;
  const fill = (free = 0): void => void (disk.capacity = disk.used + free);
  const open = async (): Promise<Journal> =>
    (journal = await openJournal('/state', { log, fs: disk.fs() }));

  beforeEach(async () => {
    disk = new PowerLossDisk();
    log = listen();
    await open();
    for (const id of ['a', 'b']) await journal.record(attach(id));
    for (const id of ['a', 'b']) await journal.record(rest(id));
  });

  /** Uses up what is left on the last page of the file. */
  async function fillPage(): Promise<void> {
    fill();
    while (disk.files.has('journal.reserve')) await journal.record({ kind: 'policy', saved: 'x' });
  }

  test('takes nothing new, and says what to do', async () => {
    await fillPage();
    await expect(journal.record(attach('c'))).rejects.toMatchObject({
      code: 'SDM_JOURNAL',
      message: expect.stringMatching(
        /file system of \/state\/journal is full \(.* free, 1280 KiB needed\).*detach still works/,
      ),
      details: { file: '/state/journal', need: '0x140000', free: expect.stringMatching(/^0x/) },
    });
    expect(ids(journal)).toEqual(['a', 'b']);
    expect(journal.stats()).toMatchObject({
      failure: expect.stringContaining('is full'),
      refuses: 'taking',
    });
    const held = { spec: { start: 0n, size: 1n, remote: 0n }, by: 'local' };
    await expect(journal.record({ kind: 'memport', port: 1, held })).rejects.toMatchObject({
      code: 'SDM_JOURNAL',
    });
    expect(log.of('error')).toHaveLength(1);
  });

  test('is said at the start, before anything is refused', async () => {
    await fillPage();
    disk.crash((limit) => limit - 1);
    await open();
    expect(log.of('warn').join()).toMatch(/is full .*nothing new is taken/);
    expect(journal.stats().refuses).toBe('taking');
    disk.capacity = PLENTY;
    await journal.record(attach('c'));
    expect(journal.stats()).toMatchObject({ failure: undefined, refuses: 'nothing' });
  });

  test('does not keep anybody from giving memory back, also after a restart', async () => {
    await fillPage();
    await journal.record(detach('a'));
    disk.crash((limit) => limit - 1);
    await open();
    expect(journal.state().attachments.get('a')).toMatchObject({ doing: 'detach' });
    await journal.record({ kind: 'policy', saved: null });
    await journal.record({ kind: 'memport', port: 1, held: null });
    await journal.record({ kind: 'epoch', epoch: 7n, controller: 'c' });
    await journal.record(forget('a'));
    await journal.record(detach('b'));
    await journal.record(forget('b'));
    expect(ids(journal)).toEqual([]);
  });

  test('takes what a boot makes of a memport by hand: that it waits', async () => {
    await fillPage();
    const held = { spec: { start: 0n, size: 4096n, remote: 0n }, by: 'local' };
    await journal.record({ kind: 'memport', port: 1, held: { ...held, waits: 'restore' } });
    await journal.record({ kind: 'memport', port: 2, held: { ...held, waits: 'controller' } });
    const set = journal.record({ kind: 'memport', port: 1, held });
    await expect(set).rejects.toMatchObject({ code: 'SDM_JOURNAL' });
    expect([...journal.state().memports.keys()]).toEqual([1, 2]);
    expect(journal.state().memports.get(1)?.waits).toBe('restore');
  });

  test('refuses what takes something, and no more, of those that come together', async () => {
    fill();
    const all = [attach('c'), ...Array.from({ length: 20 }, () => detach('a')), attach('d')];
    const results = await Promise.allSettled(all.map((entry) => journal.record(entry)));
    expect(results.map(({ status }) => status)).toEqual([
      'rejected',
      ...Array.from({ length: 20 }, () => 'fulfilled'),
      'rejected',
    ]);
    expect(ids(journal)).toEqual(['a', 'b']);
  });

  test('takes things again once there is space, and says so', async () => {
    await fillPage();
    await expect(journal.record(attach('c'))).rejects.toMatchObject({ code: 'SDM_JOURNAL' });
    disk.capacity = PLENTY;
    await journal.record(attach('c'));
    expect(ids(journal)).toEqual(['a', 'b', 'c']);
    expect(journal.stats().failure).toBeUndefined();
    expect(disk.files.get('journal.reserve')).toHaveLength(MIB);
    expect(log.of('info')).toEqual([expect.stringContaining('takes entries again')]);
  });

  test('does not take the last bytes of others, only to give them up again', async () => {
    await fillPage();
    // what was given up is free; a little is not enough to live on beside it
    fill(MIB + 64 * 1024);
    await expect(journal.record(attach('c'))).rejects.toMatchObject({ code: 'SDM_JOURNAL' });
    expect(disk.files.has('journal.reserve')).toBe(false);
  });

  test('refuses everything where others took the room that was given up', async () => {
    await fillPage();
    fill();
    const { bytes } = journal.stats();
    let error: unknown;
    for (let i = 0; i < 20 && error === undefined; i++) {
      error = await journal.record(detach('a')).then(
        () => undefined,
        (reason: unknown) => reason,
      );
    }
    expect(error).toMatchObject({
      code: 'SDM_JOURNAL',
      message: expect.stringMatching(
        /\/state\/journal cannot be written \(ENOSPC at write; 0 B free there\), so nothing was done/,
      ),
      details: { errno: 'ENOSPC', free: '0x0' },
    });
    expect(journal.stats().refuses).toBe('everything');
    const length = disk.files.get('journal')!.length;
    expect(length).toBe(journal.stats().bytes);
    expect(length).toBeGreaterThanOrEqual(bytes);
  });

  test('leaves nothing of what it refused, whatever the power does', async () => {
    await fillPage();
    // the first one fits, the other does not
    fill(4096);
    const error = { code: 'X', message: 'x'.repeat(9000) };
    const long: JournalEntry = { kind: 'rest', attachment: record({ id: 'a', error }) };
    const results = await Promise.allSettled([forget('a'), long].map((e) => journal.record(e)));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    disk.crash((limit) => limit >> 1);
    disk.capacity = PLENTY;
    await open();
    expect(ids(journal)).toEqual(['a', 'b']);
    expect(log.of('warn').join()).not.toContain('never finished');
  });

  test('is no reason not to write a first checkpoint, which frees what the log took', async () => {
    for (let i = 0; i < 300; i++) await journal.record(rest('a'));
    expect(journal.stats().bytes).toBeGreaterThan(64 * 1024);
    await fillPage();
    await journal.record(detach('a'));
    expect(journal.stats()).toMatchObject({ checkpoints: 1 });
    expect(journal.stats().bytes).toBeLessThan(8 * 1024);
  });

  test.each(['write', 'datasync', 'rename', 'syncDirectory'] as const)(
    'no checkpoint: %s says so, and entries are taken all the same',
    async (call) => {
      const error = { code: 'X', message: 'x'.repeat(600 * 1024) };
      const long: JournalEntry = { kind: 'rest', attachment: record({ id: 'a', error }) };
      await journal.record(long);
      await journal.record(long);
      disk.fail(call, 'ENOSPC');
      await journal.record(rest('a'));
      await journal.record(rest('b'));
      disk.crash(() => 0);
      await open();
      expect(ids(journal)).toEqual(['a', 'b']);
    },
  );
});

describe('a disk that fails', () => {
  test('what was not synced is written anew before anything is said to be safe', async () => {
    const disk = new PowerLossDisk();
    const log = listen();
    const journal = await openJournal('/state', { log, fs: disk.fs() });
    disk.fail('datasync', 'EIO');
    await journal.record(rest('a'));
    expect(journal.stats().checkpoints).toBe(1);
    expect(log.of('warn')).toEqual([expect.stringContaining('its disk failed')]);
    disk.crash(() => 0);
    expect(ids(await openJournal('/state', { log, fs: disk.fs() }))).toEqual(['a']);
  });

  test('while it cannot be, everything is refused, and nothing of that is left', async () => {
    const disk = new PowerLossDisk();
    const log = listen();
    const journal = await openJournal('/state', { log, fs: disk.fs() });
    // takes the room for bad days first, so that the next calls are those of the log
    await journal.record(attach('a'));
    disk.fail('datasync', 'EIO', 'EIO', 'EIO');
    await expect(journal.record(forget('a'))).rejects.toMatchObject({
      code: 'SDM_JOURNAL',
      message: expect.stringMatching(/EIO at fdatasync; 6[0-9.]+ MiB free there/),
      details: { errno: 'EIO' },
    });
    expect(ids(journal)).toEqual(['a']);
    await journal.record(rest('b'));
    await journal.close();
    expect(ids(await openJournal('/state', { log, fs: disk.fs() }))).toEqual(['a', 'b']);
  });
});

const mounts = process.getuid?.() === 0;

describe.skipIf(!mounts)('a real file system that is full (needs root, for a mount)', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sdm-journal-full-'));
    const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', dir]);
    if (status !== 0) throw new Error(`a tmpfs cannot be mounted: ${String(stderr)}`);
  });
  afterEach(() => {
    spawnSync('umount', [dir]);
    rmdirSync(dir);
  });

  test('memory is given back, nothing is taken, until there is space', async () => {
    const log = listen();
    const journal = await openJournal(dir, { log });
    for (const id of ['a', 'b']) await journal.record(attach(id));
    const fill = (name: string): void => {
      const { stderr } = spawnSync('dd', ['if=/dev/zero', `of=${join(dir, name)}`, 'bs=4k']);
      expect(String(stderr)).toContain('No space left');
    };
    fill('filler');
    while (existsSync(join(dir, 'journal.reserve'))) await journal.record(detach('a'));
    await expect(journal.record(attach('c'))).rejects.toMatchObject({
      code: 'SDM_JOURNAL',
      message: expect.stringContaining('is full'),
    });
    await journal.record(forget('a'));

    fill('more');
    let error: unknown;
    for (let i = 0; i < 50 && error === undefined; i++) {
      error = await journal.record(detach('b')).then(
        () => undefined,
        (reason: unknown) => reason,
      );
    }
    expect(error).toMatchObject({ code: 'SDM_JOURNAL', details: { errno: 'ENOSPC' } });

    rmSync(join(dir, 'filler'));
    await journal.record(attach('d'));
    expect(ids(journal)).toEqual(['b', 'd']);
    expect(statSync(join(dir, 'journal.reserve')).size).toBe(MIB);
    await journal.close();
    const again = await openJournal(dir, { log });
    expect(ids(again)).toEqual(['b', 'd']);
    await again.close();
  });
});
