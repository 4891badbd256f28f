import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { makeBrick, type Brick, type RunningAgent } from '../support/agent.js';
import { checkRefusal } from './clients.js';
import { answersIn, filesOf, peakOf, RawConnection, until } from './wire.js';

/** As the agent is configured: docs/agent-api.md. */
const CONNECTIONS_MAX = 512;
const MIB = 1n << 20n;
/** Far below what is sent or asked for in any of these tests. */
const GROWTH_MAX = 160n * MIB;

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

let brick: Brick;
let agent: RunningAgent;
let files: number;
beforeAll(async () => {
  brick = await makeBrick({ poolSize: 64n * MIB, config: { log: 'error' } });
  agent = await brick.start();
  const body = { id: 'victim', mode: 'device', size: '0x200000' };
  const { status } = await brick.ask({ method: 'POST', path: '/v1/attachments', body });
  expect(status).toBe(201);
  files = filesOf(agent.pid);
});
afterAll(async () => {
  // whatever was sent: all connections are gone, nothing was done by it, and the agent is well
  await until('every connection to be gone', () => filesOf(agent.pid) <= files);
  const { body } = await brick.ask({ path: '/v1/attachments' });
  expect(body).toMatchObject({ attachments: [{ id: 'victim', state: 'present' }] });
  expect(brick.setMemports()).toHaveLength(1);
  expect(agent.log()).toBe('');
  expect(await agent.stop()).toBe(0);
  await brick.remove();
});

const connectMany = (count: number): RawConnection[] =>
  Array.from({ length: count }, () => new RawConnection(brick.socket));
const opened = (connections: readonly RawConnection[]): Promise<void> =>
  until('the connections to open', () => connections.every(({ socket }) => !socket.connecting));

/** A client that means well, all the while. @returns how often it was served. */
async function serveMeanwhile(busy: Promise<unknown>): Promise<number> {
  let over = false;
  void busy.finally(() => (over = true)).catch(() => {});
  let served = 0;
  for (; !over; served += 1) {
    const id = `well-${served}`;
    const body = { id, mode: 'device', size: '0x200000' };
    const made = await brick.ask({ method: 'POST', path: '/v1/attachments', body });
    expect(made).toMatchObject({ status: 201, body: { state: 'present' } });
    const path = `/v1/attachments/${id}`;
    expect((await brick.ask({ method: 'DELETE', path })).status).toBe(200);
    // not in the way of what the test itself has to do
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await busy;
  return served;
}

const VICTIM = 'DELETE /v1/attachments/victim HTTP/1.1\r\nHost: x\r\n\r\n';
const POST = 'POST /v1/attachments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
const GET = 'GET /healthz HTTP/1.1\r\nHost: x\r\n';

/** Shapes in which a second request is hidden in a first one, or that are none at all. */
const SHAPES: readonly [string, string][] = [
  [
    'two kinds of length',
    `${POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    'the same, the other way round',
    `${POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`,
  ],
  ['two lengths', `${POST}Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}`],
  ['a list of lengths', `${POST}Content-Length: 2, 2\r\n\r\n{}`],
  ['a length with a sign', `${POST}Content-Length: +2\r\n\r\n{}`],
  ['a negative length', `${POST}Content-Length: -2\r\n\r\n{}`],
  ['a length in hex', `${POST}Content-Length: 0x2\r\n\r\n{}`],
  ['a length of more than 64 bits', `${POST}Content-Length: 18446744073709551618\r\n\r\n{}`],
  ['chunked and then not', `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
  ['nearly chunked', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
  ['a space before the colon', `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`],
  ['a tab before the value', `${POST}Transfer-Encoding:\tchunked,\r\n\r\n0\r\n\r\n`],
  [
    'a chunk of more than 64 bits',
    `${POST}Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n`,
  ],
  ['a chunk with no number', `${POST}Transfer-Encoding: chunked\r\n\r\n;\r\n{}\r\n0\r\n\r\n`],
  [
    'a chunk that is longer than it says',
    `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n`,
  ],
  ['a folded header', `${GET}X: a\r\n Transfer-Encoding: chunked\r\n\r\n`],
  ['lines that end with LF alone', 'POST / HTTP/1.1\nHost: x\nContent-Length: 0\n\n'],
  ['a CR alone', `${GET}X: a\rContent-Length: 90\r\n\r\n`],
  ['a header with a NUL', `${GET}X: a\0b\r\n\r\n`],
  ['a header without a name', `${GET}: a\r\n\r\n`],
  ['a method in small letters', 'delete /v1/attachments/victim HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a path with a line in it', 'GET /\rDELETE HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a version that is none', 'GET /healthz HTTP/1.9\r\nHost: x\r\n\r\n'],
  ['the other protocol', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['TLS', '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03'],
  ['nothing but zeros', '\0'.repeat(4096)],
];

describe('what is hidden behind', () => {
  test.each(SHAPES)('%s is refused with it', async (_, shape) => {
    const connection = new RawConnection(brick.socket).listen();
    connection.socket.write(Buffer.from(shape + VICTIM, 'latin1'));
    const answers = answersIn(await connection.untilClosed());
    expect(answers).toHaveLength(1);
    expect(answers[0]!.status).toBe(400);
    checkRefusal(400, answers[0]!.body);
  });

  test.each([
    ['a length', `Content-Length: ${VICTIM.length}\r\n\r\n${VICTIM}`],
    [
      'chunks',
      `Transfer-Encoding: chunked\r\n\r\n${VICTIM.length.toString(16)};a=b\r\n${VICTIM}\r\n0\r\n\r\n`,
    ],
  ])('%s is a body, and no request', async (_, rest) => {
    for (const head of [GET, POST]) {
      const connection = new RawConnection(brick.socket).listen();
      connection.socket.write(`${head}Connection: close\r\n${rest}`);
      const answers = answersIn(await connection.untilClosed());
      expect(answers.map(({ status }) => status)).toEqual([head === GET ? 200 : 400]);
    }
  });
});

describe('requests one after the other on one connection', () => {
  test('are answered in order, and garbage after them ends it', async () => {
    const connection = new RawConnection(brick.socket).listen();
    const paths = Array.from({ length: 60 }, (_, n) => `/v1/memports/${n % 40}`);
    const requests = paths.map((path) => `GET ${path} HTTP/1.1\r\n\r\n`);
    connection.socket.write(`${requests.join('')}what is this?\r\n\r\n`);
    const answers = answersIn(await connection.untilClosed());
    expect(answers.map(({ body }) => (body as { port?: number }).port)).toEqual([
      ...paths.map((_, n) => (n % 40 < 32 ? n % 40 : undefined)),
      undefined,
    ]);
    checkRefusal(400, answers.at(-1)!.body);
  });

  test('are not taken without end', async () => {
    const connection = new RawConnection(brick.socket).listen();
    connection.socket.write('GET /v1/memports HTTP/1.1\r\n\r\n'.repeat(5_000));
    const answers = answersIn(await connection.untilClosed());
    expect(answers.slice(0, -1).every(({ status }) => status === 200)).toBe(true);
    expect(answers.length).toBeLessThan(5_000);
    expect(answers.at(-1)).toMatchObject({ status: 503, body: { code: 'SDM_TOO_MANY' } });
  });

  test('whose answers nobody reads take no memory', async () => {
    const before = peakOf(agent.pid);
    const connections = connectMany(32);
    // Half a gigabyte of answers, if they were made.
    const requests = 'GET /openapi.json HTTP/1.1\r\n\r\n'.repeat(400);
    for (const { socket } of connections) socket.write(requests);
    await opened(connections);
    expect(await serveMeanwhile(new Promise((resolve) => setTimeout(resolve, 1_000)))).not.toBe(0);
    for (const connection of connections) connection.end();
    expect(peakOf(agent.pid) - before).toBeLessThan(GROWTH_MAX);
  });
});

describe('bodies of 10 MB', () => {
  const chunk = 'x'.repeat(1 << 16);
  test.each([
    ['that say so', `Content-Length: 10485760\r\n\r\n`, chunk],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n', `10000\r\n${chunk}\r\n`],
  ])('%s, from 32 clients at once, are refused and not kept', async (_, length, piece) => {
    const before = peakOf(agent.pid);
    const connections = connectMany(32);
    const refused = Promise.all(
      connections.map(async (connection) => {
        connection.listen().socket.write(POST + length);
        for (let sent = 0; sent < 160 && !connection.socket.destroyed; sent += 1) {
          if (connection.socket.write(piece)) continue;
          await Promise.race([
            new Promise((resolve) => connection.socket.once('drain', resolve)),
            connection.closed,
          ]);
        }
        const answers = answersIn(await connection.untilClosed());
        expect(answers).toHaveLength(1);
        expect(answers[0]!.status).toBe(413);
        checkRefusal(413, answers[0]!.body);
      }),
    );
    expect(await serveMeanwhile(refused)).toBeGreaterThan(0);
    expect(peakOf(agent.pid) - before).toBeLessThan(GROWTH_MAX);
  });
});

describe('many clients that mean no good, all at once', () => {
  test('do not keep one from being served that does, and are got rid of', async () => {
    const before = peakOf(agent.pid);
    const slowHeaders = connectMany(40);
    const slowBodies = connectMany(40);
    const halves = connectMany(40);
    const silent = connectMany(40);
    for (const connection of [...slowHeaders, ...slowBodies, ...halves, ...silent]) {
      connection.listen();
    }
    for (const { socket } of slowBodies) socket.write(`${POST}Content-Length: 60000\r\n\r\n`);
    // Half a request, and no more will come.
    for (const { socket } of halves) socket.end(POST.slice(0, 30));
    const bytes = [...`${POST}X-${'y'.repeat(1000)}`];
    const drip = setInterval(() => {
      const byte = bytes.shift() ?? 'y';
      for (const { socket } of [...slowHeaders, ...slowBodies]) {
        if (socket.writable) socket.write(byte);
      }
    }, 100);
    const ended = Promise.all(
      [slowHeaders, slowBodies].flat().map(async (connection) => {
        const answers = answersIn(await connection.untilClosed());
        expect(answers).toMatchObject([{ status: 408, body: { code: 'SDM_SLOW' } }]);
      }),
    ).then(() => Promise.all([...halves, ...silent].map((c) => c.untilClosed())));
    expect(await serveMeanwhile(ended)).toBeGreaterThan(10);
    clearInterval(drip);
    expect(peakOf(agent.pid) - before).toBeLessThan(GROWTH_MAX);
  });

  test('a thousand that say nothing keep nobody out', async () => {
    const silent = connectMany(1_000);
    for (const connection of silent) connection.listen();
    const ended = Promise.all(silent.map((connection) => connection.untilClosed()));
    expect(await serveMeanwhile(ended)).toBeGreaterThan(10);
    expect(filesOf(agent.pid)).toBeLessThan(files + CONNECTIONS_MAX);
  });

  test('and go away in the middle of a request or an answer leave nothing behind', async () => {
    for (let round = 0; round < 10; round += 1) {
      const connections = connectMany(100);
      await opened(connections);
      connections.forEach(({ socket }, n) => {
        socket.write([GET, `${GET}\r\n`, `${POST}Content-Length: 9\r\n\r\n{}`, '\0'][n % 4]!);
        socket.destroy();
      });
    }
    await until('their connections to be gone', () => filesOf(agent.pid) <= files);
  });
});
