import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createServer, type Limits, type Server } from '../../../src/agent/api/server.js';
import { createLog } from '../../../src/common/log.js';
import { FakeCore } from './fake-core.js';

/** Far below the deadline that is not to be the cause. */
const DEADLINE_MS = 20_000;
const NEVER_MS = 600_000;
const MIB = 1 << 20;
const GET = 'GET /healthz HTTP/1.1\r\n\r\n';
const DELETE = 'DELETE /v1/attachments/a1 HTTP/1.1\r\n\r\n';
const POST = 'POST /v1/attachments HTTP/1.1\r\nContent-Type: application/json\r\n';
const LONG = `${POST}Content-Length: ${1024 * MIB}\r\n\r\n`;
const CHUNK = `${POST}Transfer-Encoding: chunked\r\n\r\n40000000\r\n`;

/** Requests that are refused before all of them is there. */
const REFUSED: [string, string, number, string][] = [
  ['a body that says it is long', LONG, 413, 'SDM_TOO_LARGE'],
  ['a body that is long', CHUNK, 413, 'SDM_TOO_LARGE'],
  ['headers that are long', 'GET /healthz HTTP/1.1\r\nX: ', 413, 'SDM_TOO_LARGE'],
  ['what is not HTTP', '\0\r\n\r\n', 400, 'SDM_INPUT'],
  ['an expectation', `${LONG.trimEnd()}\r\nExpect: miracles\r\n\r\n`, 400, 'SDM_INPUT'],
  ['a proxy', 'CONNECT example.org:80 HTTP/1.1\r\n\r\n', 400, 'SDM_INPUT'],
];

let dir: string;
let path: string;
let server: Server;
let core: FakeCore;
let sockets: Socket[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sdm-linger-'));
  path = join(dir, 's');
  core = new FakeCore();
  sockets = [];
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await server.app.close();
  rmSync(dir, { recursive: true });
});

async function listen(limits: Partial<Limits>): Promise<void> {
  server = await createServer(
    { brick: 'b', agent: core, probe: () => Promise.reject(new Error('not here')) },
    createLog('test', 'silent'),
    limits,
  );
  await server.app.listen({ path });
}

/** A client that never ends its side by itself, and reads nothing before it is told to. */
async function client(): Promise<Socket> {
  const socket = connect({ path, allowHalfOpen: true }).setEncoding('utf8').pause();
  socket.on('error', () => {}); // the agent closed it: whoever writes is told so
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** Fails where the agent does not take it. */
const say = (socket: Socket, text: string): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.write(text, (error) => (error ? reject(error) : resolve()));
  });

const deadline = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(DEADLINE_MS) });

/** What the agent says until it ends its side. */
async function hear(socket: Socket): Promise<string> {
  let heard = '';
  socket.on('data', (chunk: string) => (heard += chunk)).resume();
  await once(socket, 'end', deadline());
  return heard;
}

const closed = (socket: Socket): Promise<unknown> =>
  socket.closed ? Promise.resolve() : once(socket, 'close', deadline());

describe('a client that is refused while it sends', () => {
  it.each(REFUSED)('%s, and reads after that, gets the answer', async (_, text, status, code) => {
    await listen({ lingerTimeout: NEVER_MS });
    const socket = await client();
    await say(socket, text + 'x'.repeat(10_000_000));
    const heard = await hear(socket);
    const [head, body] = heard.split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(head).toMatch(/^connection: close$/im);
    expect(JSON.parse(body!)).toMatchObject({ code });
    socket.end();
    await closed(socket);
  });

  it('and does not end is cut off after so many bytes', async () => {
    await listen({ lingerTimeout: NEVER_MS, lingerBytes: MIB });
    const socket = await client();
    const piece = 'x'.repeat(64 * 1024);
    let sent = 0;
    const sending = (async () => {
      for (await say(socket, LONG); ; sent += piece.length) await say(socket, piece);
    })();
    await expect(sending).rejects.toMatchObject({ syscall: 'write' });
    // what is read, and what lies in buffers
    expect(sent).toBeGreaterThan(MIB / 2);
    expect(sent).toBeLessThan(4 * MIB);
  });

  it('and sends little by little is cut off at a deadline', async () => {
    await listen({ lingerTimeout: 200 });
    const socket = await client();
    await say(socket, LONG);
    expect(await hear(socket)).toMatch(/^HTTP\/1\.1 413 /);
    const sending = (async () => {
      for (;;) {
        await say(socket, 'x');
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })();
    await expect(sending).rejects.toMatchObject({ syscall: 'write' });
  });

  it('makes room for others where connections are many', async () => {
    await listen({ lingerTimeout: NEVER_MS, lingerBytes: Infinity, maxConnections: 2 });
    const refused = await client();
    await say(refused, LONG);
    expect(await hear(refused)).toMatch(/^HTTP\/1\.1 413 /);
    await client();
    const newest = await client();
    await expect(
      (async () => {
        for (;;) await say(refused, 'x'.repeat(MIB));
      })(),
    ).rejects.toMatchObject({ syscall: 'write' });
    await say(newest, GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    expect(await hear(newest)).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('in the middle of a request gets the answers to those before', async () => {
    await listen({ lingerTimeout: NEVER_MS });
    const socket = await client();
    const broken = 'POST / HTTP/1.1\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\nno';
    await say(socket, GET + broken + 'x'.repeat(10_000_000));
    const statuses = [...(await hear(socket)).matchAll(/HTTP\/1\.1 (\d+)/g)].map((at) => at[1]);
    expect(statuses).toEqual(['200', '400']);
  });

  it.each([
    ['a body', `${POST}Content-Length: 1000000\r\n\r\n${' '.repeat(1_000_000)}`],
    ['an expectation', 'GET /healthz HTTP/1.1\r\nExpect: miracles\r\n\r\n'],
  ])('(%s) gets nothing done that it sends behind', async (_, text) => {
    await listen({ lingerTimeout: NEVER_MS });
    const socket = await client();
    await say(socket, text + DELETE.repeat(3));
    expect((await hear(socket)).match(/HTTP\/1\.1/g)).toHaveLength(1);
    socket.end();
    await closed(socket);
    // one that is done, to be sure that those before had their time
    const other = await client();
    await say(other, DELETE.replace('a1', 'other') + 'x\r\n\r\n');
    expect(await hear(other)).toMatch(/^HTTP\/1\.1 200 /);
    expect(core.commands.map(([, id]) => id)).toEqual(['other']);
  });

  it('and goes away without the answer leaves the agent well', async () => {
    await listen({ lingerTimeout: NEVER_MS });
    for (const [, text] of REFUSED) {
      const socket = await client();
      await say(socket, text);
      // until the answer lies there, unread
      const other = await client();
      await say(other, 'x\r\n\r\n');
      await hear(other);
      socket.destroy();
      await closed(socket);
    }
    const last = await client();
    await say(last, 'x\r\n\r\n');
    expect(await hear(last)).toMatch(/^HTTP\/1\.1 400 /);
  });
});
