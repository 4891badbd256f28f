import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, onTestFinished, test } from 'vitest';
import { native } from '../../src/native/index.js';
import {
  ADDON,
  formatFile,
  isMapped,
  makeScratch,
  sparseFile,
  thrown,
  withBlock,
} from './support.js';

const scratch = makeScratch();
const registers = formatFile(join(scratch, 'registers'));
/** A call over it never ends before it is told to; only touched pages take memory. */
const pool = sparseFile(join(scratch, 'pool'), 2 ** 36);
const hanging = join(scratch, 'hanging');
execFileSync('mkfifo', [hanging]);

const PREAMBLE = `
const { parentPort } = require('node:worker_threads');
const native = require(${JSON.stringify(ADDON)});
const registers = ${JSON.stringify(registers)};
const pool = ${JSON.stringify(pool)};
const hanging = ${JSON.stringify(hanging)};
`;

/** A worker that runs `body` after the addon was loaded. */
function start(body: string): Worker {
  const worker = new Worker(PREAMBLE + body, { eval: true });
  onTestFinished(async () => void (await worker.terminate()));
  return worker;
}

async function exitOf(worker: Worker): Promise<number> {
  const [code] = (await once(worker, 'exit')) as [number];
  return code;
}

/** What each body leaves undone when its worker goes. */
const UNDONE = {
  'an open block': `globalThis.keep = native.openRegisters({ path: registers });`,
  'an open mapping': `globalThis.keep = native.mapMemory({ path: pool, length: 4096n });`,
  'a bulk call': `
    const map = native.mapMemory({ path: pool, length: 1n << 36n });
    map.findOther(0n);`,
  'a bulk call that tells its progress': `
    const map = native.mapMemory({ path: pool, length: 1n << 36n });
    map.findOther(0n, { onProgress() {} });`,
  'a bulk call that can be aborted': `
    const map = native.mapMemory({ path: pool, length: 1n << 36n });
    map.findOther(0n, { signal: new AbortController().signal });`,
  'a bulk call over a closed mapping': `
    const map = native.mapMemory({ path: pool, length: 1n << 36n, writable: true });
    const other = native.mapMemory({ path: pool, length: 1n << 36n });
    map.compare(other, 0n);
    map.close(); other.close();`,
  'many bulk calls': `
    const map = native.mapMemory({ path: pool, length: 1n << 36n });
    for (let i = 0; i < 8; i += 1) map.findOther(0n).catch(() => {});`,
  'a write that hangs': `native.writeWithDeadline(hanging, 'x', 2 ** 31 - 1);`,
} as const;

describe.each(Object.entries(UNDONE))('a worker with %s', (what, body) => {
  /** Nothing of the worker is left: no mapping, no lock. */
  function expectClean(): void {
    expect(isMapped(pool)).toBe(false);
    expect(isMapped(registers)).toBe(false);
    withBlock(registers, (block) => expect(block.program(0)).toBe(0));
  }

  test('can be terminated', async () => {
    const worker = start(`${body} parentPort.on('message', () => {}); parentPort.postMessage(0);`);
    await once(worker, 'message');
    if (what === 'an open block') {
      thrown(() => native.openRegisters({ path: registers }), 'SDM_BLOCK_LOCKED');
    }
    expect(await worker.terminate()).toBe(1);
    expectClean();
  });

  test('can exit', async () => {
    expect(await exitOf(start(`${body} process.exit(3);`))).toBe(3);
    expectClean();
  });

  test('can throw', async () => {
    const worker = start(`${body} throw new Error('over');`);
    const [error] = (await once(worker, 'error')) as [Error];
    expect(error.message).toBe('over');
    await worker.terminate();
    expectClean();
  });

  test('can go with its process', () => {
    // The main thread has never loaded the addon: it is unloaded with the last worker.
    const code = `
      const { Worker } = require('node:worker_threads');
      const body = ${JSON.stringify(`${PREAMBLE}${body} parentPort.postMessage(0);`)};
      const worker = new Worker(body, { eval: true });
      worker.once('message', () => (process.argv[1] === 'exit' ? process.exit(7)
        : worker.terminate().then(() => process.exit(7))));`;
    for (const way of ['exit', 'terminate']) {
      const result = spawnSync(process.execPath, ['-e', code, way], { timeout: 20_000 });
      expect([result.status, result.signal, String(result.stderr)]).toEqual([7, null, '']);
    }
  });
});

describe('workers and the main thread', () => {
  test('each have their own objects, at once', async () => {
    const program = `
      const { workerData } = require('node:worker_threads');
      const block = native.openRegisters({ path: workerData });
      const rounds = 200;
      for (let round = 0; round < rounds; round += 1) {
        for (let port = 0; port < 8; port += 1) {
          const start = 0x400000000n + BigInt(port) * 0x10000000n;
          const words = [BigInt(port), start, start + 0xfffffffn, 0n, 0n, 0n, BigInt(1 - round % 2)];
          block.staging.set(words, port * 8);
        }
        if (block.program(8) !== 0) throw new Error('refused');
      }
      block.close();`;
    const workers = [0, 1, 2, 3].map((n) => {
      const path = formatFile(join(scratch, `registers-${n}`));
      return new Worker(PREAMBLE + program, { eval: true, workerData: path });
    });
    expect(await Promise.all(workers.map(exitOf))).toEqual([0, 0, 0, 0]);
  });

  test('a staging buffer may be written to by another thread while it is programmed', async () => {
    const block = native.openRegisters({ path: formatFile(join(scratch, 'shared')) });
    onTestFinished(() => block.close());
    const scribble = `
      const { workerData, parentPort } = require('node:worker_threads');
      parentPort.postMessage(0);
      for (let i = 0n; ; i += 1n) workerData[Number(i % 256n)] = i * 0x9e3779b97f4a7c15n;`;
    const worker = new Worker(scribble, { eval: true, workerData: block.staging });
    onTestFinished(async () => void (await worker.terminate()));
    await once(worker, 'message');
    for (let i = 0; i < 20_000; i += 1) {
      try {
        block.program(32, 0);
      } catch (error) {
        expect(error).toMatchObject({ code: 'SDM_INPUT' });
      }
      for (let port = 0; port < 32; port += 1) {
        block.staging[port * 8] = BigInt(port);
        block.staging[port * 8 + 6] = BigInt(port % 2);
      }
    }
    expect(block.read(0x10)).toBe(32n);
  });

  test('a write that hangs does not keep a process from exiting', () => {
    const fifo = join(scratch, 'full');
    execFileSync('mkfifo', [fifo]);
    const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    onTestFinished(() => closeSync(fd));
    expect(() => {
      for (;;) writeSync(fd, Buffer.alloc(4096));
    }).toThrow('EAGAIN');
    const code = `
      const native = require(${JSON.stringify(ADDON)});
      native.writeWithDeadline(${JSON.stringify(fifo)}, 'x', 2 ** 31 - 1);
      setImmediate(() => process.exit(7));`;
    const result = spawnSync(process.execPath, ['-e', code], { timeout: 20_000 });
    expect([result.status, result.signal, String(result.stderr)]).toEqual([7, null, '']);
  });
});
