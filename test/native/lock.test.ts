import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { describe, expect, onTestFinished, test } from 'vitest';
import { native, type FileLock } from '../../src/native/index.js';
import { ADDON, any, formatFile, makeScratch, thrown, until } from './support.js';

const scratch = makeScratch();
let files = 0;
const freshPath = (): string => join(scratch, `lock-${(files += 1)}`);

const free = (path: string): boolean => {
  try {
    native.lockFile(path).close();
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'SDM_LOCKED' });
    return false;
  }
};

/** Another process that locks `path`, and says so; it ends with its standard input. */
async function holder(path: string): Promise<ChildProcess> {
  const code = `
    const lock = require(${JSON.stringify(ADDON)}).lockFile(${JSON.stringify(path)});
    process.stdin.resume().on('end', () => process.exit(lock ? 0 : 1));
    console.log('locked');`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

describe('lockFile', () => {
  test('refuses a path that cannot be', () => {
    for (const path of [undefined, null, 1, {}]) {
      thrown(() => native.lockFile(any(path)), 'SDM_INPUT', TypeError);
    }
    for (const path of ['', 'a\0b']) thrown(() => native.lockFile(path), 'SDM_INPUT');
    const nowhere = join(scratch, 'none/lock');
    expect(thrown(() => native.lockFile(nowhere), 'SDM_SYSTEM')).toMatchObject({
      errnoName: 'ENOENT',
      message: expect.stringContaining(nowhere) as unknown,
    });
  });

  test.each(['something else', '12345 and more', '12345678901234567890'])(
    'refuses a file with %j in it, and leaves it as it is',
    (text) => {
      const path = freshPath();
      writeFileSync(path, text);
      expect(thrown(() => native.lockFile(path), 'SDM_INPUT').message).toContain(path);
      expect(readFileSync(path, 'utf8')).toBe(text);
    },
  );

  test('refuses a directory and a link', () => {
    const directory = freshPath();
    mkdirSync(directory);
    thrown(() => native.lockFile(directory), 'SDM_SYSTEM');
    const link = freshPath();
    const target = freshPath();
    symlinkSync(target, link);
    expect(thrown(() => native.lockFile(link), 'SDM_SYSTEM')).toMatchObject({ errnoName: 'ELOOP' });
    expect(statSync(target, { throwIfNoEntry: false })).toBeUndefined();
  });

  test('makes a file for its user only, with the number of the process', () => {
    const path = freshPath();
    const lock = native.lockFile(path);
    onTestFinished(() => lock.close());
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
  });

  test('takes a file that a dead process left, and keeps its mode', () => {
    const path = freshPath();
    writeFileSync(path, '4194304\n');
    chmodSync(path, 0o640);
    const lock = native.lockFile(path);
    onTestFinished(() => lock.close());
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
    expect(statSync(path).mode & 0o777).toBe(0o640);
  });

  test('gives one lock at a time, also within a process, and names path and holder', () => {
    const path = freshPath();
    const lock = native.lockFile(path);
    const { message } = thrown(() => native.lockFile(path), 'SDM_LOCKED');
    expect(message).toContain(path);
    expect(message).toContain(`process ${process.pid}`);
    native.lockFile(freshPath()).close();
    lock.close();
    lock.close();
    expect(free(path)).toBe(true);
  });

  test('does not share a lock with one who locks a file of the same name', () => {
    const path = freshPath();
    const first = native.lockFile(path);
    rmSync(path);
    const second = native.lockFile(path);
    first.close();
    expect(free(path)).toBe(false);
    second.close();
  });
});

describe('lockFile of what is there', () => {
  const existing = { existing: true };

  test('refuses options that cannot be, and a file that is not there', () => {
    const path = freshPath();
    for (const options of [null, 1, { existing: 1 }]) {
      thrown(() => native.lockFile(path, any(options)), 'SDM_INPUT', TypeError);
    }
    thrown(() => native.lockFile(path, existing), 'SDM_NOT_FOUND');
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
  });

  test('leaves it as it is, and excludes who opens it as a register block', () => {
    const path = formatFile(freshPath());
    chmodSync(path, 0o400);
    const before = readFileSync(path);
    const lock = native.lockFile(path, existing);
    onTestFinished(() => lock.close());
    expect(readFileSync(path).equals(before)).toBe(true);
    const { message } = thrown(() => native.lockFile(path, existing), 'SDM_LOCKED');
    expect(message).toContain(`process ${process.pid}`);
    chmodSync(path, 0o600);
    thrown(() => native.openRegisters({ path }), 'SDM_BLOCK_LOCKED');
    lock.close();
    native.openRegisters({ path }).close();
  });
});

describe('a lock', () => {
  test.each(['SIGKILL', 'SIGTERM', undefined] as const)(
    'of another process is named, and goes with it (%s)',
    async (signal) => {
      const path = freshPath();
      const child = await holder(path);
      const { message } = thrown(() => native.lockFile(path), 'SDM_LOCKED');
      expect(message).toContain(path);
      expect(message).toContain(`process ${child.pid}`);
      if (signal === undefined) child.stdin!.end();
      else child.kill(signal);
      await ended(child);
      expect(free(path)).toBe(true);
    },
  );

  test('is had by exactly one of many that want it at once', async () => {
    const path = freshPath();
    const code = `
      const native = require(${JSON.stringify(ADDON)});
      let lock;
      try { lock = native.lockFile(${JSON.stringify(path)}); } catch (error) {
        if (error.code !== 'SDM_LOCKED') throw error;
      }
      console.log(lock ? 'mine' : 'not mine');
      globalThis.keep = lock;
      process.stdin.resume().on('end', () => process.exit());`;
    const children = Array.from({ length: 8 }, () =>
      spawn(process.execPath, ['-e', code], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    onTestFinished(() => children.forEach((child) => void child.kill('SIGKILL')));
    const said = await Promise.all(
      children.map(async ({ stdout }) => String(((await once(stdout, 'data')) as [Buffer])[0])),
    );
    expect(said.filter((line) => line === 'mine\n')).toHaveLength(1);
    children.forEach(({ stdin }) => stdin.end());
    await Promise.all(children.map(ended));
    expect(free(path)).toBe(true);
  });

  test('does not pass to a program that its process starts', async () => {
    const path = freshPath();
    const lock = native.lockFile(path);
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child, 'spawn');
    lock.close();
    expect(free(path)).toBe(true);
  });

  test('goes with its worker', async () => {
    const path = freshPath();
    const code = `
      const { parentPort } = require('node:worker_threads');
      globalThis.lock = require(${JSON.stringify(ADDON)}).lockFile(${JSON.stringify(path)});
      parentPort.on('message', () => {});
      parentPort.postMessage(0);`;
    const worker = new Worker(code, { eval: true });
    await once(worker, 'message');
    expect(free(path)).toBe(false);
    await worker.terminate();
    expect(free(path)).toBe(true);
  });

  test('goes with the object that nobody has any more', async () => {
    const path = freshPath();
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    (() => void native.lockFile(path))();
    await until('the lock to go', () => (collect(), free(path)));
  });

  test('cannot be forged or constructed', () => {
    const lock = native.lockFile(freshPath());
    onTestFinished(() => lock.close());
    const constructor = any<new () => FileLock>(lock.constructor);
    thrown(() => new constructor(), 'SDM_INPUT', TypeError);
    for (const self of [undefined, {}, Object.create(lock), { ...lock }]) {
      thrown(() => Reflect.apply(lock.close, self, []), 'SDM_FORGED', TypeError);
    }
  });
});
