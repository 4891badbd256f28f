import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { native } from '../../src/native/index.js';
import { ADDON } from '../native/support.js';
import {
  command,
  hostileBlock,
  interfering,
  makeHostile,
  scribble,
  serveHostile,
  write,
} from './registers.js';

const SOAK = process.env['SDM_SOAK'] === '1';
const RUNS = SOAK ? 5_000 : 60;
const THREAD_RUNS = SOAK ? 500 : 5;
const TIMEOUT_MS = SOAK ? 3_600_000 : 300_000;
/** A failure is told before the test's time is up, however small it might still become. */
const LIMITED = { interruptAfterTimeLimit: TIMEOUT_MS * 0.8 };

vi.setConfig({ testTimeout: TIMEOUT_MS });

const commands = fc.array(command, { maxLength: 6 });

describe('an agent', () => {
  test('refuses a block that cannot be, and serves every other one', async () => {
    let refused = 0;
    let served = 0;
    let done = 0;
    await fc.assert(
      fc.asyncProperty(hostileBlock, commands, async (block, todo) => {
        const { brick, map } = makeHostile(block);
        try {
          const result = await serveHostile(
            brick,
            todo,
            interfering(() => {}),
          );
          if (result === undefined) refused += 1;
          else served += 1;
          done += result ?? 0;
          // the lock went with the agent, whether it served or not
          native.formatRegisters({ path: brick.registers }, { profile: 'zynq', force: true });
        } finally {
          map.close();
          brick.remove();
        }
      }),
      { ...LIMITED, numRuns: RUNS },
    );
    expect(Math.min(refused, served, done)).toBeGreaterThan(0);
  });

  test('serves a block that changes before each look at it', async () => {
    let writes = 0;
    await fc.assert(
      fc.asyncProperty(
        hostileBlock,
        commands,
        fc.infiniteStream(fc.option(scribble, { freq: 3, nil: undefined })),
        async (block, todo, scribbles) => {
          const { brick, map } = makeHostile({ ...block, garbage: undefined });
          const interfere = (): void => {
            const next: unknown = scribbles.next().value;
            if (next === undefined) return;
            write(map, next as Parameters<typeof write>[1]);
            writes += 1;
          };
          try {
            await serveHostile(brick, todo, interfering(interfere));
          } finally {
            map.close();
            brick.remove();
          }
        },
      ),
      { ...LIMITED, numRuns: RUNS },
    );
    expect(writes).toBeGreaterThan(RUNS);
  });

  test('serves a block to which another thread writes all the time', async () => {
    const scribbler = `
      const { parentPort, workerData } = require('node:worker_threads');
      const native = require(workerData.addon);
      const map = native.mapMemory({ path: workerData.path, length: 0x10000n, writable: true });
      const { words } = workerData;
      parentPort.once('message', () => process.exit(0));
      const more = () => {
        for (let i = 0; i < 200; i += 1) {
          const { offset, value } = words[Math.floor(Math.random() * words.length)];
          map.write(BigInt(offset), new Uint8Array(BigUint64Array.of(value).buffer));
        }
        setImmediate(more);
      };
      more();
      parentPort.postMessage('begun');`;
    await fc.assert(
      fc.asyncProperty(
        hostileBlock,
        commands,
        fc.array(scribble, { minLength: 20, maxLength: 60 }),
        async (block, todo, words) => {
          const { brick, map } = makeHostile({ ...block, words: [], garbage: undefined });
          map.close();
          const worker = new Worker(scribbler, {
            eval: true,
            workerData: { addon: ADDON, path: brick.registers, words },
          });
          try {
            await once(worker, 'message');
            await serveHostile(
              brick,
              todo,
              interfering(() => {}),
            );
          } finally {
            await worker.terminate();
            brick.remove();
          }
        },
      ),
      { ...LIMITED, numRuns: THREAD_RUNS },
    );
  });
});
