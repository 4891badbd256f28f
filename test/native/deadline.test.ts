import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { native } from '../../src/native/index.js';
import { any, makeScratch, rejected } from './support.js';

const scratch = makeScratch();
/** More than any test waits. */
const NEVER = 2 ** 31 - 1;

/** A FIFO without room that nobody reads: a write to it hangs. */
function fullPipe(name: string): string {
  const path = join(scratch, name);
  execFileSync('mkfifo', [path]);
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  onTestFinished(() => closeSync(fd));
  const page = Buffer.alloc(4096);
  expect(() => {
    for (;;) writeSync(fd, page);
  }).toThrow('EAGAIN');
  return path;
}

describe('writeWithDeadline', () => {
  const write = native.writeWithDeadline;

  test('rejects arguments that cannot be', async () => {
    for (const path of [undefined, 1, {}]) {
      await rejected(() => write(any(path), 'x', 10), 'SDM_INPUT', TypeError);
    }
    for (const text of [undefined, 1, Buffer.from('x')]) {
      await rejected(() => write('/dev/null', any(text), 10), 'SDM_INPUT', TypeError);
    }
    for (const timeout of [undefined, '1', 1n]) {
      await rejected(() => write('/dev/null', 'x', any(timeout)), 'SDM_INPUT', TypeError);
    }
    await rejected(() => write('', 'x', 10), 'SDM_INPUT');
    await rejected(() => write('/dev/null', 'a\0b', 10), 'SDM_INPUT');
    await rejected(() => write('/dev/null', 'x'.repeat((1 << 20) + 1), 10), 'SDM_INPUT');
    for (const timeout of [0, -1, 1.5, 2 ** 31, Number.NaN, Infinity]) {
      await rejected(() => write('/dev/null', 'x', timeout), 'SDM_INPUT');
    }
  });

  test('writes', async () => {
    const path = join(scratch, 'state');
    writeFileSync(path, '0123456789');
    await expect(write(path, 'onliné', NEVER)).resolves.toBeUndefined();
    expect(readFileSync(path, 'utf8')).toBe('onliné789');
  });

  test('makes no file, and says why it could not write', async () => {
    const absent = join(scratch, 'absent');
    const error = await rejected(() => write(absent, 'x', NEVER), 'SDM_SYSTEM');
    expect(error).toMatchObject({ errno: 2, errnoName: 'ENOENT', syscall: 'open' });
    expect(error.message).toContain(absent);
    expect(await rejected(() => write('/dev/full', 'x', NEVER), 'SDM_SYSTEM')).toMatchObject({
      errno: 28,
      errnoName: 'ENOSPC',
      syscall: 'write',
    });
    expect(await rejected(() => write(scratch, 'x', NEVER), 'SDM_SYSTEM')).toMatchObject({
      errnoName: 'EISDIR',
    });
  });

  test('interrupts a write that hangs', async () => {
    const path = fullPipe('full');
    const { message } = await rejected(() => write(path, 'offline', 20), 'SDM_TIMEOUT');
    expect(message).toContain('"offline"');
    expect(message).toContain(path);
  });

  test('interrupts an open that hangs', async () => {
    const path = join(scratch, 'nobody');
    execFileSync('mkfifo', [path]);
    await rejected(() => write(path, 'x', 20), 'SDM_TIMEOUT');
  });

  test('writes nothing once it was rejected', async () => {
    const path = join(scratch, 'late');
    execFileSync('mkfifo', [path]);
    await rejected(() => write(path, 'x', 20), 'SDM_TIMEOUT');
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    onTestFinished(() => closeSync(reader));
    expect(readSync(reader, Buffer.alloc(1))).toBe(0); // no writer, and nothing that one left
  });

  test('many at once, some of which hang', async () => {
    const hanging = fullPipe('many');
    const calls = Array.from({ length: 20 }, (_, i) =>
      i % 2 === 0 ? write('/dev/null', 'x', NEVER) : write(hanging, 'x', 20),
    );
    const results = await Promise.allSettled(calls);
    expect(results.map((result) => result.status)).toEqual(
      calls.map((_, i) => (i % 2 === 0 ? 'fulfilled' : 'rejected')),
    );
  });

  test('does not take signals that belong to the process', async () => {
    let signals = 0;
    const count = (): void => void (signals += 1);
    process.on('SIGUSR2', count);
    onTestFinished(() => void process.off('SIGUSR2', count));
    const hanging = write(fullPipe('signals'), 'x', 50);
    process.kill(process.pid, 'SIGUSR2');
    await expect(hanging).rejects.toMatchObject({ code: 'SDM_TIMEOUT' });
    expect(signals).toBe(1);
  });
});
