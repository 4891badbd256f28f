import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { measureAll } from '../../bench/harness/commands.js';
import { compile } from '../../bench/harness/compile.js';
import { run } from '../../src/common/exec.js';

const directory = mkdtempSync(join(tmpdir(), 'sdm-bench-clients-'));
const socket = join(directory, 'socket');
const { signal } = new AbortController();
const program = (name: string): string => join(directory, name);
let server: Server | undefined;

beforeAll(async () => {
  for (const name of ['rest_load', 'start_time', 'run_time']) {
    await compile(program(name), [`bench/native/${name}.c`], signal);
  }
});
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((closed) => (server === undefined ? closed(null) : server.close(closed)));
  server = undefined;
});
afterAll(() => rmSync(directory, { recursive: true }));

async function serve(listener: RequestListener): Promise<Server> {
  server = createServer(listener);
  await new Promise<void>((up) => server!.listen(socket, up));
  return server;
}

/** A server, as a command, that answers every GET with a status. */
const answering = (status: number): string[] => [
  process.execPath,
  '-e',
  `require('node:http').createServer((_, r) => r.writeHead(${status}, { 'content-length': 2 }).end('{}')).listen('${socket}')`,
];

describe('rest_load', () => {
  const argv = (...args: string[]): [string, ...string[]] => [
    program('rest_load'),
    socket,
    ...args,
  ];
  const load = (connections: number, connection = 'keep'): Promise<Record<'pairs', number>> =>
    measureAll(argv(String(connections), '0.1', '0x200000', connection, 'retain'), ['pairs']);

  test.each([
    ['too few arguments', argv('1', '1')],
    ['no number', argv('many', '1', '0x200000', 'keep', 'retain')],
    ['too many connections', argv('513', '1', '0x200000', 'keep', 'retain')],
  ])('%s are wrong usage', async (_, wrong) => {
    await expect(run(wrong)).rejects.toThrow(/ended with 2/);
  });

  test('says that nobody listens', async () => {
    await expect(load(1)).rejects.toThrow(/No such file/);
  });

  test('says what was refused, and how', async () => {
    await serve((_, response) =>
      response.writeHead(507, { 'content-length': 23 }).end('{"code":"SDM_NO_SPACE"}'),
    );
    await expect(load(1)).rejects.toThrow(/attach of bench-\d+: refused[\s\S]*SDM_NO_SPACE/);
  });

  test('understands only answers with a length', async () => {
    await serve((_, response) => response.writeHead(201).end('{}'));
    await expect(load(1)).rejects.toThrow(/an answer without a length/);
  });

  test.each(['keep', 'close'])(
    'detaches all that it attached, each once (%s)',
    async (connection) => {
      const attached = new Set<string>();
      const all = new Set<string>();
      let connections = 0;
      (
        await serve((request, response) => {
          let body = '';
          request.setEncoding('utf8').on('data', (text: string) => (body += text));
          request.on('end', () => {
            if (request.method === 'POST') {
              const { id, mode, size, retain } = JSON.parse(body) as Record<string, unknown>;
              expect([mode, size, retain]).toEqual(['device', '0x200000', true]);
              expect(all.has(id as string)).toBe(false);
              all.add(id as string);
              attached.add(id as string);
            } else {
              expect(request.method).toBe('DELETE');
              expect(attached.delete(request.url!.split('/').at(-1)!)).toBe(true);
            }
            response
              .writeHead(request.method === 'POST' ? 201 : 200, { 'content-length': 2 })
              .end('{}');
          });
        })
      ).on('connection', () => (connections += 1));
      const { pairs } = await load(7, connection);
      expect(pairs).toBeGreaterThan(0);
      expect(all.size).toBeGreaterThanOrEqual(7);
      expect([...attached]).toEqual([]);
      expect(connections).toBe(connection === 'keep' ? 7 : 2 * all.size);
    },
  );
});

describe('start_time', () => {
  const start = (...command: string[]): Promise<unknown> =>
    measureAll([program('start_time'), socket, '/', ...command], ['listening', 'answered']);

  test.each([
    ['a command that is not there', ['/nonexistent'], /ended before it listened/],
    ['one that ends', ['true'], /ended before it listened/],
    ['one that refuses', answering(503), /HTTP\/1\.1 503/],
  ])('%s is no server', async (_, command, message) => {
    await expect(start(...command)).rejects.toThrow(message);
    rmSync(socket, { force: true });
  });

  test('an answer comes after the first connection, and the server is ended', async () => {
    const { listening, answered } = (await start(...answering(200))) as Record<string, number>;
    expect(listening).toBeGreaterThan(0);
    expect(answered).toBeGreaterThanOrEqual(listening!);
    const again = start('true');
    await expect(again).rejects.toThrow(/ended before it listened/);
  });
});

describe('run_time', () => {
  test.each([
    ['nothing', [], /ended with 2/],
    ['a command that is not there', ['/nonexistent'], /ended with status/],
    ['one that fails', ['false'], /ended with status/],
  ])('%s cannot be timed', async (_, command, message) => {
    await expect(measureAll([program('run_time'), ...command], ['ms'])).rejects.toThrow(message);
  });

  test('gives the time of a command', async () => {
    const { ms } = await measureAll([program('run_time'), 'true'], ['ms']);
    expect(ms).toBeGreaterThan(0);
  });
});
