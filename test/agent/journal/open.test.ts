import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Journal } from '../../../src/agent/attachments/journal.js';
import { openJournal } from '../../../src/agent/journal/index.js';
import { formatHeader, formatLine } from '../../../src/agent/journal/lines.js';
import type { SdmError } from '../../../src/common/errors.js';
import { listen, record } from './entries.js';

let dir: string;
let path: string;
let log: ReturnType<typeof listen>;
let opened: Journal[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sdm-journal-test-'));
  path = join(dir, 'journal');
  log = listen();
});
afterEach(async () => {
  for (const journal of opened.splice(0)) await journal.close();
  rmSync(dir, { recursive: true });
});

async function open(where = dir): Promise<Journal> {
  const journal = await openJournal(where, { log });
  opened.push(journal);
  return journal;
}

/** A closed journal that has these attachments. */
async function write(...ids: string[]): Promise<void> {
  const journal = await openJournal(dir, { log });
  for (const id of ids) await journal.record({ kind: 'rest', attachment: record({ id }) });
  await journal.close();
}

async function ids(): Promise<string[]> {
  const journal = await openJournal(dir, { log });
  const found = [...journal.state().attachments.keys()];
  await journal.close();
  return found;
}

const lines = (): string[] => readFileSync(path, 'utf8').split('\n').slice(0, -1);

describe('a directory that cannot be used', () => {
  test('is a file', async () => {
    writeFileSync(path, '');
    await expect(open(path)).rejects.toMatchObject({
      code: 'SDM_JOURNAL',
      message: expect.stringMatching(new RegExp(`${path} cannot be used: EEXIST.*stateDir`)),
    });
  });

  test('is in use by another agent, and free again when that ends', async () => {
    const first = await openJournal(dir, { log });
    await expect(open()).rejects.toMatchObject({
      code: 'SDM_LOCKED',
      message: expect.stringMatching(
        `another agent uses the state directory ${dir}.*${process.pid}.*stateDir`,
      ),
    });
    await first.close();
    await first.close();
    await open();
  });

  test('has something else in the place of the lock', async () => {
    writeFileSync(join(dir, 'lock'), 'precious');
    await expect(open()).rejects.toMatchObject({
      code: 'SDM_JOURNAL',
      message: expect.stringContaining('is not a lock file'),
    });
    expect(readFileSync(join(dir, 'lock'), 'utf8')).toBe('precious');
  });
});

describe('a journal that cannot be used is left as it is', () => {
  test('a directory', async () => {
    mkdirSync(path);
    await expect(open()).rejects.toMatchObject({
      code: 'SDM_JOURNAL',
      message: expect.stringContaining(`${path} is a directory`),
    });
  });

  test('a FIFO, without waiting for somebody to write to it', async () => {
    expect(spawnSync('mkfifo', [path]).status).toBe(0);
    await expect(open()).rejects.toMatchObject({
      code: 'SDM_JOURNAL',
      message: expect.stringContaining('no regular file'),
    });
  });

  test('a link to itself', async () => {
    symlinkSync('journal', path);
    await expect(open()).rejects.toMatchObject({
      code: 'SDM_JOURNAL',
      message: expect.stringContaining('ELOOP'),
    });
  });

  test.each<[string, string | Buffer, RegExp]>([
    [
      'an empty one',
      '',
      /line 1 \(byte 0\) is missing: the file is empty\. What an agent wrote there is lost: /,
    ],
    ['another file', 'root:x:0:0\n', /line 1 \(byte 0\) is no header of a journal: it reads "root/],
    ['bytes', Buffer.alloc(5000), /line 1 \(byte 0\) is no header/],
    ['a newer format', 'sdm-journal 2 next\n', /line 1 .* says format 2\. A newer agent/],
    ['a header that is cut short', 'sdm-journal 1 1 0', /line 1 .* checksum does not match/],
    ['a header with a slip', 'sdm-journal 1 1 0 00000000\n', /line 1 .* checksum does not match/],
    [
      'an unknown entry',
      formatHeader(1, 0) + formatLine(1, 0, '{"kind":"teleport"}'),
      /line 2 \(byte 27\) is whole, but not understood: kind: .* found "teleport"\. A newer/,
    ],
    [
      'an entry with an unknown member, also at the end',
      formatHeader(1, 0) + formatLine(1, 0, '{"kind":"forget","id":"a","x":1}'),
      /line 2 .* not understood: forget entry: x: expected one of the keys kind, id, found 1/,
    ],
    [
      'a checkpoint that lacks its end',
      formatHeader(1, 2) + formatLine(1, 2, '{"kind":"forget","id":"a"}'),
      /line 3 .* is missing: the file held entries up to 2/,
    ],
  ])('%s', async (_name, content, message) => {
    writeFileSync(path, content);
    writeFileSync(join(dir, 'journal.new'), 'left');
    await expect(open()).rejects.toMatchObject({
      code: 'SDM_JOURNAL_CORRUPT',
      message: expect.stringMatching(message),
      details: { file: path, line: expect.any(Number), offset: expect.any(Number) },
    });
    expect(readFileSync(path)).toEqual(Buffer.from(content));
    expect(existsSync(join(dir, 'journal.new'))).toBe(true);
    expect(existsSync(join(dir, 'journal.reserve'))).toBe(false);
    // the lock is free again
    await expect(open()).rejects.toMatchObject({ code: 'SDM_JOURNAL_CORRUPT' });
  });
});

describe('a tail that was never finished is cut off, with a warning', () => {
  const tails: [string, string | Buffer][] = [
    ['half a line', formatLine(4, 3, '{"kind":"forget","id":"a"}').slice(0, 30)],
    ['a line without its newline', formatLine(4, 3, '{"kind":"forget","id":"a"}').slice(0, -1)],
    ['zeros', Buffer.alloc(10_000)],
    ['garbage', Buffer.from('\x00\xff\n\n7 7 7\nsdm-journal', 'latin1')],
    ['a line with a slip', formatLine(4, 3, '{"kind":"forget","id":"a"}').replace('a"', 'b"')],
    ['a sequence number that was there', formatLine(3, 3, '{"kind":"forget","id":"a"}')],
    ['a sequence number that is too high', formatLine(5, 3, '{"kind":"forget","id":"a"}')],
    [
      'a hole, and after it what nothing was built on',
      Buffer.concat([
        Buffer.alloc(4096),
        Buffer.from(`\n${formatLine(5, 3, '{"kind":"forget","id":"a"}')}`),
      ]),
    ],
  ];

  test.each(tails)('%s', async (_name, tail) => {
    await write('a', 'b', 'c');
    const whole = readFileSync(path);
    appendFileSync(path, tail);
    const journal = await open();
    expect([...journal.state().attachments.keys()]).toEqual(['a', 'b', 'c']);
    expect(log.of('warn')).toEqual([expect.stringMatching(/never finished.*line 5/)]);
    expect(readFileSync(path)).toEqual(whole);
    await journal.record({ kind: 'forget', id: 'b' });
    await journal.close();
    expect(await ids()).toEqual(['a', 'c']);
  });
});

describe('what was safe and is damaged is not dropped', () => {
  test('a bit, anywhere but in the last two lines', async () => {
    await write('a', 'b', 'c');
    const whole = readFileSync(path);
    // Of the last line nothing tells that it was safe, and the one before it is told of by that.
    const last = whole.lastIndexOf('\n', whole.length - 2) + 1;
    const before = whole.lastIndexOf('\n', last - 2) + 1;
    for (let at = 0; at < before; at += 7) {
      const bad = Buffer.from(whole);
      bad[at]! ^= 0x10;
      writeFileSync(path, bad);
      await expect(open(), `byte ${at}`).rejects.toMatchObject({ code: 'SDM_JOURNAL_CORRUPT' });
      expect(readFileSync(path)).toEqual(bad);
    }
  });

  test('the message says where, and what to do', async () => {
    await write('a', 'b', 'c');
    const all = lines();
    all[2] = all[2]!.replace('"b"', '"B"');
    writeFileSync(path, `${all.join('\n')}\n`);
    const offset = all[0]!.length + all[1]!.length + 2;
    await expect(open()).rejects.toMatchObject({
      code: 'SDM_JOURNAL_CORRUPT',
      message: expect.stringMatching(
        new RegExp(
          `line 3 \\(byte ${offset}\\) has a checksum.*journal show --state-dir ${dirname(path)}".*docs/journal.md`,
        ),
      ),
      details: { file: path, line: 3, offset },
    });
  });

  test('cut off at the byte that the message names, it opens with what lies before', async () => {
    await write('a', 'b', 'c', 'd');
    const bytes = readFileSync(path);
    bytes[bytes.indexOf('"b"') + 1]! ^= 1;
    writeFileSync(path, bytes);
    const error: unknown = await open().catch((reason: unknown) => reason);
    const { offset } = (error as SdmError).details as { offset: number };
    writeFileSync(path, bytes.subarray(0, offset));
    expect(await ids()).toEqual(['a']);
  });

  test('a line that is doubled', async () => {
    await write('a', 'b', 'c', 'd');
    const all = lines();
    writeFileSync(path, [...all.slice(0, 3), all[2], ...all.slice(3), ''].join('\n'));
    await expect(open()).rejects.toMatchObject({
      code: 'SDM_JOURNAL_CORRUPT',
      message: expect.stringContaining('line 4'),
    });
  });
});

describe('what it leaves', () => {
  test('a directory for its user alone, also where those above it are missing', async () => {
    const where = join(dir, 'a/b');
    await open(where);
    expect(statSync(where).mode & 0o777).toBe(0o700);
    for (const name of ['journal', 'lock']) {
      expect(statSync(join(where, name)).mode & 0o777, name).toBe(0o600);
    }
  });

  test('text that people can read', async () => {
    await write('a');
    expect(lines()[0]).toMatch(/^sdm-journal 1 1 0 [0-9a-f]{8}$/);
    expect(lines()[1]).toMatch(/^[0-9a-f]{8} 1 0 \{"kind":"rest","attachment":\{"id":"a",/);
  });

  test('no checkpoint that an agent before did not finish', async () => {
    await write('a');
    writeFileSync(join(dir, 'journal.new'), 'half');
    expect(await ids()).toEqual(['a']);
    expect(existsSync(join(dir, 'journal.new'))).toBe(false);
  });

  test('room for bad days, of which the blocks are allocated', async () => {
    await write('a');
    const { size, blocks } = statSync(join(dir, 'journal.reserve'));
    expect(size).toBe(1 << 20);
    expect(blocks * 512).toBeGreaterThanOrEqual(size);
  });

  test('room that is a hole is taken anew', async () => {
    await write('a');
    spawnSync('truncate', ['-s', '0', join(dir, 'journal.reserve')]);
    spawnSync('truncate', ['-s', '1M', join(dir, 'journal.reserve')]);
    await write('b');
    expect(statSync(join(dir, 'journal.reserve')).blocks * 512).toBeGreaterThanOrEqual(1 << 20);
  });
});
