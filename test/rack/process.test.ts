import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../src/common/wait.js';
import {
  findProcesses,
  identify,
  isAlive,
  parseStat,
  readIdentity,
  signalProcess,
  uptimeMs,
  writeIdentity,
} from '../../src/rack/process.js';

const scratch = mkdtempSync(join(tmpdir(), 'sdm-process-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function self(): NonNullable<ReturnType<typeof identify>> {
  const identity = identify(process.pid);
  if (identity === undefined) throw new Error('this process does not run');
  return identity;
}

describe('identity of a process', () => {
  it('is nothing where nothing runs, or the record is no record', () => {
    const file = join(scratch, 'pid');
    expect(identify(2 ** 22 + 1)).toBeUndefined();
    expect(readIdentity(file)).toBeUndefined();
    for (const text of [
      '',
      '17',
      '{"pid":17',
      '{"pid":"17"}',
      '{"pid":0,"startTicks":1,"bootId":"x"}',
    ]) {
      writeFileSync(file, text);
      expect(readIdentity(file)).toBeUndefined();
    }
  });

  it('reads a command with spaces and parentheses in it', () => {
    const fields = Array.from({ length: 49 }, (_, i) => String(i + 4));
    expect(parseStat(`17 (a) b (c) S ${fields.join(' ')}`)).toEqual({
      state: 'S',
      threads: 20,
      startTicks: 22,
    });
    expect(parseStat('17 (cut')).toBeUndefined();
  });

  it('survives being written and read', () => {
    const file = join(scratch, 'self');
    writeIdentity(file, self());
    expect(readIdentity(file)).toEqual(self());
    expect(readFileSync(file, 'utf8')).toMatch(/\n$/);
  });

  it('counts on one whose first thread has ended, while others hold what it has open', async () => {
    const script = [
      'import ctypes, sys, threading',
      'threading.Thread(target=sys.stdin.read).start()',
      'ctypes.CDLL(None).pthread_exit(None)',
    ].join('\n');
    const child = spawn('python3', ['-c', script], { stdio: ['pipe', 'inherit', 'inherit'] });
    const ended = once(child, 'exit');
    try {
      const identity = identify(child.pid!);
      const state = (): string | undefined =>
        parseStat(readFileSync(`/proc/${child.pid}/stat`, 'utf8'))?.state;
      await waitFor('the first thread to end', () => (state() === 'Z' ? true : undefined), {
        timeoutMs: 20_000,
      });
      expect(isAlive(identity!)).toBe(true);
      child.kill('SIGKILL');
      await ended;
      expect(isAlive(identity!)).toBe(false);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('does not take a recycled pid for the process that had it', () => {
    const identity = self();
    expect(isAlive(identity)).toBe(true);
    for (const other of [
      { ...identity, startTicks: identity.startTicks + 1 },
      { ...identity, bootId: 'another boot' },
    ]) {
      expect(isAlive(other)).toBe(false);
      // Were it signalled, this test would not go on.
      expect(signalProcess(other, 'SIGKILL')).toBe(false);
    }
  });

  it('ends with the process', async () => {
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    const identity = identify(child.pid ?? 0);
    if (identity === undefined) throw new Error('sleep does not run');
    expect(isAlive(identity)).toBe(true);
    expect(uptimeMs(identity)).toBeLessThan(60_000);
    const exit = once(child, 'exit');
    expect(signalProcess(identity, 'SIGKILL')).toBe(true);
    await exit;
    expect(isAlive(identity)).toBe(false);
    expect(signalProcess(identity, 'SIGKILL')).toBe(false);
  });

  it('finds processes by a whole argument', async () => {
    const mark = join(scratch, 'marked');
    const child = spawn('sh', ['-c', 'read x', mark], { stdio: ['pipe', 'ignore', 'ignore'] });
    await once(child, 'spawn');
    const found = (): (number | undefined)[] =>
      findProcesses((argv) => argv.includes(mark)).map(({ pid }) => pid);
    await expect.poll(found).toEqual([child.pid]);
    const exit = once(child, 'exit');
    child.stdin.end();
    await exit;
    expect(found()).toEqual([]);
  });
});
