import { once } from 'node:events';
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import { json } from 'node:stream/consumers';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { hex } from '../../../src/abi/codec.js';
import type { Attachment, Memport } from '../../../src/agent/api/schemas.js';
import { FAULT_POINTS } from '../../../src/agent/faults.js';
import { MIB } from '../brick.js';
import { makeBrick, type Brick, type RunningAgent } from '../../support/agent.js';

const SIZE = hex(4n * MIB);
/** Longest wait for an agent that kills itself to be gone. */
const GONE_MS = 10_000;

let brick: Brick;
let running: RunningAgent | undefined;

beforeAll(async () => {
  brick = await makeBrick({ poolSize: 64n * MIB });
});
afterAll(async () => {
  await brick.remove();
});

afterEach(async () => {
  await running?.stop('SIGKILL');
  running = undefined;
});

async function start(fault?: string): Promise<void> {
  running = await brick.start(fault === undefined ? {} : { SDM_FAULT: fault });
}

async function stop(): Promise<void> {
  expect(await running?.stop()).toBe(0);
  running = undefined;
}

/** A command that the agent does not live to answer. */
async function die(command: () => Promise<unknown>): Promise<void> {
  const { process } = running!;
  const gone = once(process, 'exit', { signal: AbortSignal.timeout(GONE_MS) });
  await expect(command()).rejects.toMatchObject({ code: 'SDM_UNREACHABLE' });
  await gone;
  expect(process.signalCode).toBe('SIGKILL');
  running = undefined;
}

async function ask<T>(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: object,
): Promise<T> {
  const answer = await brick.ask({ method, path, body });
  expect(answer).toMatchObject({ status: expect.toSatisfy((status: number) => status < 300) });
  return answer.body as T;
}

/** A command of a controller. @returns status and code of the answer. */
async function asController(epoch: number, options: RequestOptions, body = ''): Promise<unknown[]> {
  const headers = {
    ...{ 'sdm-controller': 'rack', 'sdm-epoch': String(epoch) },
    ...(body === '' ? {} : { 'content-type': 'application/json' }),
  };
  const asked = request({ ...options, socketPath: brick.socket, headers });
  asked.end(body);
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  const parsed = (await json(answer)) as { code?: string };
  return [answer.statusCode, parsed.code];
}

const attach = (): Promise<Attachment> =>
  ask('POST', '/v1/attachments', { id: 'v', mode: 'device', size: SIZE });
const detach = (): Promise<Attachment> => ask('DELETE', '/v1/attachments/v');
const list = async (): Promise<Attachment[]> =>
  (await ask<{ attachments: Attachment[] }>('GET', '/v1/attachments')).attachments;
const memports = async (): Promise<Memport[]> =>
  (await ask<{ memports: Memport[] }>('GET', '/v1/memports')).memports.filter(({ set }) => set);

/** What lies at the beginning of a range of the pool. */
function word(remote: string): string {
  const fd = openSync(brick.pool, 'r');
  const bytes = Buffer.alloc(6);
  readSync(fd, bytes, 0, 6, Number(remote));
  closeSync(fd);
  return bytes.toString();
}

function write(remote: string, text: string): void {
  const fd = openSync(brick.pool, 'r+');
  writeSync(fd, text, Number(remote));
  closeSync(fd);
}

const ZEROES = '\0'.repeat(6);
const points = (prefix: string): string[] => {
  const stages = ['program', 'claim', 'expose', 'flush', 'scrub'];
  return FAULT_POINTS.filter(
    (point) => point.startsWith(prefix) && stages.some((stage) => point.includes(`.${stage}.`)),
  );
};

describe('an agent that is killed by SIGKILL, and started again', () => {
  test('a place that there is not is refused', async () => {
    await expect(brick.start({ SDM_FAULT: 'up.nowhere.before' })).rejects.toThrow(
      /SDM_CONFIG: SDM_FAULT is "up.nowhere.before"/,
    );
  });

  test.each(['attach.journalled', ...points('up.'), 'attach.rest'])(
    'at %s: nothing is left of the attach',
    async (point) => {
      await start(point);
      await die(attach);
      await start();
      expect(await list()).toEqual([]);
      expect(brick.setMemports()).toEqual([]);
      await stop();
    },
  );

  test('at attach.rested: it is attached, and the repeated command says so', async () => {
    await start('attach.rested');
    await die(attach);
    const [port] = brick.setMemports();
    await start();
    const [kept] = await list();
    expect(kept).toMatchObject({ id: 'v', state: 'present', memport: 0 });
    write(kept!.remote, 'secret');
    expect(await attach()).toEqual(kept);
    expect(brick.setMemports()).toEqual([port]);
    await stop();
    expect(word(kept!.remote)).toBe('secret');
  });

  test.each(['detach.journalled', ...points('down.'), 'detach.undone', 'detach.forgotten'])(
    'at %s: the detach is completed, and the bytes are zero',
    async (point) => {
      await start();
      const { remote } = await attach();
      write(remote, 'secret');
      await stop();
      await start(point);
      expect(word(remote)).toBe('secret');
      await die(detach);
      await start();
      expect(await list()).toEqual([]);
      expect(brick.setMemports()).toEqual([]);
      expect(word(remote)).toBe(ZEROES);
      await stop();
    },
  );

  test.each(['reconcile.read', 'reconcile.begun', 'reconcile.ended'])(
    'at %s, in the middle of a detach',
    async (point) => {
      await start();
      const { remote } = await attach();
      write(remote, 'secret');
      await stop();
      await start('down.expose.after');
      await die(detach);
      await expect(brick.start({ SDM_FAULT: point })).rejects.toThrow('it ended');
      await start();
      expect(await list()).toEqual([]);
      expect(brick.setMemports()).toEqual([]);
      expect(word(remote)).toBe(ZEROES);
      await stop();
    },
  );

  test('a memport by hand: at each point of a set and of a clear', async () => {
    const spec = { start: hex(32n * MIB), size: SIZE, remote: hex(32n * MIB) };
    const set = (): Promise<Memport> => ask('PUT', '/v1/memports/9', spec);
    const clear = (): Promise<Memport> => ask('DELETE', '/v1/memports/9');
    await start('memport.journalled');
    await die(set);
    await start('memport.set');
    expect(await memports()).toEqual([]);
    await die(set);
    await start('memport.cleared');
    expect(await memports()).toMatchObject([{ port: 9, owner: 'manual', by: 'local' }]);
    await die(clear);
    await start();
    expect(await memports()).toEqual([]);
    await stop();
  });

  test("a controller's first command, before it does anything", async () => {
    const body = JSON.stringify({ id: 'v', mode: 'device', size: SIZE });
    const command = () => asController(7, { method: 'POST', path: '/v1/attachments' }, body);
    await start('epoch.journalled');
    const { process } = running!;
    const gone = once(process, 'exit', { signal: AbortSignal.timeout(GONE_MS) });
    await expect(command()).rejects.toThrow();
    await gone;
    await start();
    expect(await list()).toEqual([]);
    expect(await asController(6, { method: 'DELETE', path: '/v1/attachments/v' })).toEqual([
      409,
      'SDM_STALE_EPOCH',
    ]);
    expect(await command()).toEqual([201, undefined]);
    await stop();
  });

  test('while 16 clients attach and detach: every answer that was given holds', async () => {
    const attached = new Map<string, string>();
    for (let kill = 0; kill < 3; kill++) {
      await start();
      const { process } = running!;
      const gone = once(process, 'exit');
      let answers = 0;
      const client = async (n: number): Promise<void> => {
        for (let i = 0; ; i++) {
          const id = `c${kill}-${n}-${i % 2}`;
          const [method, path] = attached.has(id)
            ? (['DELETE', `/v1/attachments/${id}`] as const)
            : (['POST', '/v1/attachments'] as const);
          const body = method === 'POST' ? { id, mode: 'device', size: hex(2n * MIB) } : undefined;
          // from here on it may be either, until an answer says which
          const before = attached.get(id);
          attached.set(id, 'unknown');
          const { status, body: answer } = await brick.ask({ method, path, body });
          if (status === 201) attached.set(id, (answer as Attachment).remote);
          else if (status === 200) attached.delete(id);
          else if (before === undefined) attached.delete(id);
          else attached.set(id, before);
          if (++answers === 40) process.kill('SIGKILL');
        }
      };
      const clients = Array.from({ length: 16 }, (_, n) => client(n).catch(() => {}));
      await Promise.all([gone, ...clients]);
      await start();
      const found = new Map((await list()).map((a) => [a.id, a]));
      for (const [id, remote] of attached) {
        if (remote === 'unknown') {
          if (!found.has(id)) attached.delete(id);
          else attached.set(id, found.get(id)!.remote);
          continue;
        }
        expect(found.get(id)).toMatchObject({ state: 'present', remote });
      }
      for (const id of found.keys()) expect(attached.has(id) || id === 'v').toBe(true);
      const set = await memports();
      expect(set.map(({ owner, attachment }) => [owner, attachment]).sort()).toEqual(
        [...found.keys()].map((id) => ['attachment', id]).sort(),
      );
      await stop();
    }
  });
});
