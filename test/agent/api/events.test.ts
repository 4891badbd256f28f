import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createServer, type Limits, type Server } from '../../../src/agent/api/server.js';
import type { EventBody } from '../../../src/agent/events.js';
import { Observation } from '../../../src/agent/observe/index.js';
import { exchange, stream } from '../../../src/common/http.js';
import { createLog } from '../../../src/common/log.js';
import { readEvents, type ServerSentEvent } from '../../../src/common/sse.js';
import { FakeCore } from './fake-core.js';

const SILENT = createLog('test', 'silent');
let dir: string;
let socketPath: string;
let observation: Observation;
let server: Server;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sdm-events-'));
  socketPath = join(dir, 's');
  observation = new Observation();
});
afterEach(async () => {
  await server.app.close();
  rmSync(dir, { recursive: true });
});

async function listen(limits: Partial<Limits> = {}): Promise<void> {
  const probe = () => Promise.reject(new Error('not here'));
  const context = { brick: 'b', agent: new FakeCore(), observation, probe };
  server = await createServer(context, SILENT, limits);
  await server.app.listen({ path: socketPath });
}

const happen = (from: number, to = from): void => {
  for (let i = from; i <= to; i += 1) {
    observation.event({ kind: 'epoch', epoch: BigInt(i), controller: 'c' });
  }
};
const id = (seq: number): string => `${observation.events.run}-${seq}`;

/** A stream that one reads event by event; the test's own timeout is the deadline. */
class Reader {
  readonly #events: AsyncGenerator<ServerSentEvent>;

  constructor(query = '', headers: Record<string, string> = {}) {
    const path = `/v1/events${query}`;
    this.#events = readEvents(stream({ socketPath, path, headers }));
  }

  /** "<seq> <kind>" of the next one; undefined at the end. */
  async next(): Promise<string | undefined> {
    const { value, done } = await this.#events.next();
    if (done === true) return undefined;
    expect(JSON.parse(value.data)).toMatchObject({ event: value.id, kind: value.event });
    expect(value.id.startsWith(`${observation.events.run}-`)).toBe(true);
    return `${value.id.split('-')[1]} ${value.event}`;
  }

  async take(count: number): Promise<(string | undefined)[]> {
    const taken = [];
    for (let i = 0; i < count; i += 1) taken.push(await this.next());
    return taken;
  }

  async rest(): Promise<string[]> {
    const all = [];
    for (let next = await this.next(); next !== undefined; next = await this.next()) all.push(next);
    return all;
  }

  close(): Promise<unknown> {
    return this.#events.return(undefined);
  }
}

/** A connection that asked for the stream and reads only when told to. */
async function silent(): Promise<Socket> {
  const socket = connect(socketPath);
  socket.on('error', () => {});
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  socket.write('GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n');
  // the head shows that the stream is open
  await new Promise<void>((resolve) => socket.once('data', () => resolve()));
  socket.pause();
  return socket;
}

const connections = (): Promise<number> =>
  new Promise((resolve, reject) =>
    server.app.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  );

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => (socket.destroyed ? resolve() : socket.once('close', () => resolve())));

describe('too many streams', () => {
  it('are refused, until one goes', async () => {
    await listen({ maxStreams: 2 });
    happen(1);
    const readers = [new Reader(), new Reader()];
    for (const reader of readers) expect(await reader.next()).toBe('1 epoch');
    const refused = { code: 'SDM_TOO_MANY', details: { streams: 2 } };
    await expect(new Reader().next()).rejects.toMatchObject(refused);
    await expect(new Reader('?follow=false').next()).rejects.toMatchObject(refused);
    await readers[0]!.close();
    await expect
      .poll(() => new Reader().next().catch(() => 'refused'), { timeout: 20_000 })
      .toBe('1 epoch');
  });

  it('do not come of HEAD', async () => {
    await listen({ maxStreams: 1 });
    for (let i = 0; i < 3; i += 1) {
      const answer = await server.app.inject({ method: 'HEAD', url: '/v1/events' });
      expect([answer.statusCode, answer.body]).toEqual([200, '']);
      expect(answer.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    }
    happen(1);
    expect(await new Reader().next()).toBe('1 epoch');
  });
});

describe('what there is', () => {
  it('is nothing at first', async () => {
    await listen();
    expect(await new Reader('?follow=false').rest()).toEqual([]);
  });

  it('comes whole, and the answer ends', async () => {
    await listen();
    happen(1, 3000);
    const all = await new Reader('?follow=false').rest();
    expect(all).toEqual(Array.from({ length: 3000 }, (_, i) => `${i + 1} epoch`));
  });

  it('comes after an id, in the query or as a browser sends it, which goes before', async () => {
    await listen();
    happen(1, 4);
    expect(await new Reader(`?follow=false&after=${id(2)}`).rest()).toEqual(['3 epoch', '4 epoch']);
    expect(await new Reader(`?follow=false&after=${id(4)}`).rest()).toEqual([]);
    const headers = { 'last-event-id': id(3) };
    expect(await new Reader(`?follow=false&after=${id(1)}`, headers).rest()).toEqual(['4 epoch']);
  });

  it('begins with a gap where the id is of another run', async () => {
    await listen();
    happen(1, 2);
    const all = await new Reader('?follow=false&after=00000000-1').rest();
    expect(all).toEqual(['0 gap', '1 epoch', '2 epoch']);
  });

  it('begins with a gap where more happened than is kept, and goes on from there', async () => {
    await listen();
    happen(1, 6000);
    const { first } = observation.events;
    expect(first).toBeGreaterThan(2);
    const [gap, next] = await new Reader(`?follow=false&after=${id(1)}`).rest();
    expect([gap, next]).toEqual([`${first - 1} gap`, `${first} epoch`]);
    const again = await new Reader(`?follow=false&after=${id(first - 1)}`).rest();
    expect(again[0]).toBe(`${first} epoch`);
  });
});

describe('what happens', () => {
  it('comes as it happens, to everybody', async () => {
    await listen();
    happen(1);
    const readers = [new Reader(), new Reader(`?after=${id(1)}`)] as const;
    expect(await readers[0].next()).toBe('1 epoch');
    happen(2);
    for (const reader of readers) expect(await reader.next()).toBe('2 epoch');
    happen(3, 500);
    const all = Array.from({ length: 498 }, (_, i) => `${i + 3} epoch`);
    for (const reader of readers) expect(await reader.take(498)).toEqual(all);
  });

  it('is of every kind', async () => {
    await listen();
    const bodies: EventBody[] = [
      { kind: 'memport', port: 3, set: true, by: 'local' },
      { kind: 'link', transceiver: 1, up: false, downs: 2n, attachments: ['a'] },
    ];
    for (const body of bodies) observation.event(body);
    expect(await new Reader().take(2)).toEqual(['1 memport', '2 link']);
  });

  it('or that nothing does, in comments', async () => {
    await listen({ keepAliveMs: 10 });
    let text = '';
    for await (const piece of stream({ socketPath, path: '/v1/events' })) {
      text += piece;
      if (text.split(':\n\n').length > 3) break;
    }
    expect(text).toMatch(/^retry: 1000\n\n(:\n\n){3,}$/);
  });
});

describe('a client that does not read', () => {
  it('is cut off, and nobody else feels it', async () => {
    // long enough for the other client, which shares this busy process
    await listen({ stallMs: 3_000 });
    const deaf = await silent();
    const reader = new Reader();
    // each is longer than what the kernel's buffers hold for a client
    const foreign = Array.from({ length: 20_000 }, (_, i) => i);
    const none = { kept: [], restored: [], undone: [], waiting: [], failed: [] };
    for (let i = 0; i < 20; i += 1) {
      observation.event({ kind: 'reconciled', rebooted: false, ...none, foreign });
    }
    expect(await reader.take(20)).toHaveLength(20);
    await expect.poll(connections, { timeout: 20_000 }).toBe(1);
    // it finds what was on its way, and no end of the answer
    deaf.resume();
    let text = '';
    deaf.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    await closed(deaf);
    expect(text.endsWith('0\r\n\r\n')).toBe(false);
    expect(text.split('event: reconciled').length).toBeLessThan(20);
    happen(21);
    expect(await reader.next()).toBe('21 epoch');
  });

  it('and comes back in time is told what it missed', async () => {
    await listen({ stallMs: 60_000 });
    const slow = await silent();
    const foreign = Array.from({ length: 100_000 }, (_, i) => i);
    const none = { kept: [], restored: [], undone: [], waiting: [], failed: [] };
    observation.event({ kind: 'reconciled', rebooted: false, ...none, foreign });
    await new Promise((resolve) => setImmediate(resolve));
    happen(2, 6000);
    let text = '';
    slow.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    slow.resume();
    const { first } = observation.events;
    await expect.poll(() => text.includes(`id: ${id(6000)}\n`), { timeout: 20_000 }).toBe(true);
    // not the text itself: a failure would print all of it
    expect(text.includes(`id: ${id(first - 1)}\nevent: gap\n`)).toBe(true);
    expect(text.includes('"reason":"dropped"')).toBe(true);
    slow.destroy();
  });

  it('and goes, or says that it will ask no more, leaves its place', async () => {
    await listen({ maxStreams: 1 });
    happen(1);
    for (const leave of ['destroy', 'end'] as const) {
      const socket = await silent();
      await expect(new Reader().next()).rejects.toMatchObject({ code: 'SDM_TOO_MANY' });
      socket.resume();
      socket[leave]();
      await closed(socket);
      const next = () => new Reader('?follow=false').next().catch(() => 'refused');
      await expect.poll(next, { timeout: 20_000 }).toBe('1 epoch');
    }
  });
});

describe('an agent that stops', () => {
  it('ends all streams at once, and begins no more', async () => {
    await listen();
    happen(1);
    const readers = [new Reader(), new Reader()];
    for (const reader of readers) await reader.next();
    server.drain();
    for (const reader of readers) expect(await reader.next()).toBeUndefined();
    await expect(new Reader().next()).rejects.toMatchObject({ code: 'SDM_STOPPING' });
    // and other questions are still answered
    expect(await exchange({ socketPath, path: '/healthz' })).toMatchObject({ status: 200 });
    happen(2);
  });

  it('does not wait for streams to end by themselves', async () => {
    await listen();
    happen(1);
    const reader = new Reader();
    await reader.next();
    await server.app.close();
    expect(await reader.next()).toBeUndefined();
  });
});
