import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createServer, type Server } from '../../../src/agent/api/server.js';
import { createLog } from '../../../src/common/log.js';
import { attachment, FakeCore } from './fake-core.js';

const MOST = 3;
const PIPELINED = 4;
const DEADLINE_MS = 20_000;
const GET = 'GET /healthz HTTP/1.1\r\n\r\n';
const DELETE = 'DELETE /v1/attachments/a1 HTTP/1.1\r\n\r\n';

/** A core whose detach ends when it is told to. */
class SlowCore extends FakeCore {
  /** How many detaches have begun. */
  begun = 0;
  readonly #waiting: (() => void)[] = [];

  override detach(): Promise<typeof attachment> {
    this.begun += 1;
    return new Promise((resolve) => {
      this.#waiting.push(() => resolve({ ...attachment, state: 'free' }));
    });
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  finish(): void {
    for (const end of this.#waiting.splice(0)) end();
  }
}

/** What a client hears, until the other side closes. */
class Client {
  heard = '';
  readonly closed: Promise<string>;
  readonly #socket: Socket;
  readonly #open: Promise<void>;

  constructor(path: string) {
    this.#socket = connect(path);
    this.#open = new Promise((resolve) => this.#socket.once('connect', resolve));
    this.#socket.setEncoding('utf8').on('data', (chunk: string) => (this.heard += chunk));
    this.#socket.on('error', () => {}); // what counts is what was heard before
    this.closed = new Promise((resolve) => this.#socket.once('close', () => resolve(this.heard)));
  }

  async opened(): Promise<this> {
    await this.#open;
    return this;
  }

  get isClosed(): boolean {
    return this.#socket.destroyed;
  }

  say(text: string): void {
    this.#socket.write(text);
  }

  end(): void {
    this.#socket.destroy();
  }
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited ${DEADLINE_MS} ms for ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

let dir: string;
let path: string;
let server: Server;
let core: SlowCore;
let clients: Client[];
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sdm-connections-'));
  path = join(dir, 's');
  core = new SlowCore();
  clients = [];
  server = await createServer(
    { brick: 'b', agent: core, probe: () => Promise.reject(new Error('not here')) },
    createLog('test', 'silent'),
    { maxConnections: MOST, maxPipelined: PIPELINED },
  );
  await server.app.listen({ path });
});
afterEach(async () => {
  core.finish();
  for (const client of clients) client.end();
  await server.app.close();
  rmSync(dir, { recursive: true });
});

async function client(): Promise<Client> {
  const made = await new Client(path).opened();
  clients.push(made);
  return made;
}

/** Clients whose detach runs. */
async function busy(count: number): Promise<Client[]> {
  const made: Client[] = [];
  for (let i = 0; i < count; i += 1) {
    const one = await client();
    one.say(DELETE);
    await until('the detach to run', () => core.waiting === i + 1);
    made.push(one);
  }
  return made;
}

describe('more connections than may be', () => {
  it('end that which has been silent for longest, and the newest is answered', async () => {
    const first = await client();
    const second = await client();
    const third = await client();
    // the first one has spoken last
    first.say(GET);
    await until('the answer', () => first.heard.includes('"ok"'));
    const newest = await client();
    newest.say(GET);
    await until('the answer', () => newest.heard.includes('"ok"'));
    expect(await second.closed).toBe('');
    expect([first.isClosed, third.isClosed, newest.isClosed]).toEqual([false, false, false]);
  });

  it('do not end one that is being answered', async () => {
    const [first] = await busy(1);
    const silent = [await client(), await client(), await client(), await client()];
    expect(await Promise.all(silent.slice(0, 2).map(({ closed }) => closed))).toEqual(['', '']);
    core.finish();
    await until('the answer', () => first!.heard.includes('"free"'));
  });

  it('end the newest where all others are being answered', async () => {
    const working = await busy(MOST);
    const newest = await client();
    newest.say(GET);
    expect(await newest.closed).toBe('');
    core.finish();
    await until('the answers', () => working.every(({ heard }) => heard.includes('"free"')));
  });

  it('count one that was slow with its request as silent', async () => {
    const slow = await client();
    slow.say('POST /v1/attachments HTTP/1.1\r\nContent-Le');
    for (let i = 0; i < MOST; i += 1) await client();
    expect(await slow.closed).toBe('');
  });
});

const bodies = (heard: string): unknown[] =>
  [...heard.matchAll(/\r\n\r\n(\{.*?\})(?=HTTP|$)/gs)].map((match) => JSON.parse(match[1]!));

describe('requests one behind the other', () => {
  it('are done one by one, in order', async () => {
    const one = await client();
    one.say(DELETE + DELETE + GET);
    await until('the first detach', () => core.begun === 1);
    const other = await client();
    other.say(GET);
    await until('the answer to another', () => other.heard.includes('"ok"'));
    expect([core.begun, one.heard]).toEqual([1, '']);
    core.finish();
    await until('the second detach', () => core.begun === 2);
    core.finish();
    await until('the last answer', () => one.heard.includes('"ok"'));
    expect(bodies(one.heard)).toMatchObject([{ id: 'a1' }, { id: 'a1' }, { status: 'ok' }]);
  });

  it('that are too many end the connection, after the answers to those before', async () => {
    const one = await client();
    one.say(DELETE + GET.repeat(PIPELINED + 30));
    await until('the detach', () => core.begun === 1);
    core.finish();
    expect(bodies(await one.closed)).toMatchObject([
      { id: 'a1' },
      ...Array.from({ length: PIPELINED - 1 }, () => ({ status: 'ok' })),
      { code: 'SDM_TOO_MANY' },
    ]);
  });

  it('are not done where the one who sent them is gone', async () => {
    const one = await client();
    one.say(DELETE + DELETE);
    await until('the first detach', () => core.begun === 1);
    one.end();
    await one.closed;
    core.finish();
    const other = await client();
    other.say(DELETE);
    await until('another detach', () => core.begun === 2);
    core.finish();
    await until('its answer', () => other.heard.includes('"free"'));
    expect(core.begun).toBe(2);
  });
});

describe('what is no request', () => {
  it('is refused after the answers to what came before it', async () => {
    const one = await client();
    one.say(`${GET}${DELETE}\0\r\n\r\n`);
    await until('the detach to run', () => core.waiting === 1);
    core.finish();
    expect(bodies(await one.closed)).toMatchObject([
      { status: 'ok' },
      { id: 'a1', state: 'free' },
      { code: 'SDM_INPUT' },
    ]);
  });

  it('is refused once, however much of it there is', async () => {
    const one = await client();
    one.say(DELETE);
    await until('the detach to run', () => core.waiting === 1);
    for (let i = 0; i < 10; i += 1) one.say('\0\0\0\0\r\n\r\n');
    core.finish();
    expect(bodies(await one.closed)).toMatchObject([{ state: 'free' }, { code: 'SDM_INPUT' }]);
  });

  it.each([
    ['an expectation', 'GET /healthz HTTP/1.1\r\nExpect: miracles\r\n\r\n', /"Expect: miracles"/],
    ['a proxy', 'CONNECT example.org:80 HTTP/1.1\r\n\r\n', /no CONNECT/],
    ['two lengths', 'POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', /no/],
  ])('(%s) is refused in the one form of errors', async (_, text, message) => {
    const one = await client();
    one.say(text);
    const heard = await one.closed;
    expect(heard).toMatch(/^HTTP\/1\.1 400 /);
    expect(bodies(heard)).toEqual([
      { code: 'SDM_INPUT', message: expect.stringMatching(message) as unknown },
    ]);
  });

  it.each(['%zz', '%ff%fe', '%'])('as the path %j, too', async (text) => {
    const one = await client();
    one.say(`GET /v1/attachments/${text} HTTP/1.1\r\nConnection: close\r\n\r\n`);
    const heard = await one.closed;
    expect(heard).toMatch(/^HTTP\/1\.1 400 /);
    expect(Object.keys(bodies(heard)[0] as object)).toEqual(['code', 'message']);
  });
});
