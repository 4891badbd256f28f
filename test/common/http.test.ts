import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { call, exchange, stream, type UnixStreamRequest } from '../../src/common/http.js';

let dir: string;
let server: Server | undefined;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sdm-http-'));
});
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  server = undefined;
  rmSync(dir, { recursive: true });
});

async function listen(handler: RequestListener): Promise<string> {
  const path = join(dir, 's');
  server = createServer(handler);
  await new Promise<void>((resolve) => server!.listen(path, resolve));
  return path;
}

describe('exchange', () => {
  it('says that there is no socket, and what to do', async () => {
    await expect(exchange({ socketPath: join(dir, 'none'), path: '/' })).rejects.toMatchObject({
      code: 'SDM_UNREACHABLE',
      message: expect.stringMatching(/no such socket.*--socket.*ENOENT/),
    });
  });

  it('says that a path is no socket', async () => {
    const path = join(dir, 'file');
    writeFileSync(path, '');
    await expect(exchange({ socketPath: path, path: '/' })).rejects.toMatchObject({
      code: 'SDM_UNREACHABLE',
    });
  });

  it('waits for room in the queue of a server that is busy', async () => {
    const socketPath = join(dir, 's');
    const code = `require('node:http').createServer((_, answer) => answer.end('{}'))
      .listen({ path: ${JSON.stringify(socketPath)}, backlog: 1 }, () => console.log('up'))`;
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    const queued: Socket[] = [];
    try {
      await once(child.stdout, 'data');
      child.kill('SIGSTOP');
      // it stands still, and its queue is filled
      const full = (): Promise<boolean> =>
        new Promise((resolve, reject) => {
          const socket = connect(socketPath, () => resolve(false));
          socket.once('error', (error: NodeJS.ErrnoException) =>
            error.code === 'EAGAIN' ? resolve(true) : reject(error),
          );
          queued.push(socket);
        });
      while (!(await full())) expect(queued.length).toBeLessThan(1_000);
      await expect(exchange({ socketPath, path: '/', timeoutMs: 100 })).rejects.toMatchObject({
        code: 'SDM_TIMEOUT',
      });
      const asking = exchange({ socketPath, path: '/' });
      child.kill('SIGCONT');
      expect(await asking).toEqual({ status: 200, body: {} });
    } finally {
      for (const socket of queued) socket.destroy();
      child.kill('SIGKILL');
    }
  });

  it('gives up at its deadline on a server that does not answer', async () => {
    const socketPath = await listen(() => {});
    await expect(exchange({ socketPath, path: '/x', timeoutMs: 50 })).rejects.toMatchObject({
      code: 'SDM_TIMEOUT',
      message: expect.stringContaining('GET /x'),
    });
  });

  it('gives up at its deadline on an answer that does not end', async () => {
    const socketPath = await listen((_request, response) => {
      response.writeHead(200);
      response.write('{');
    });
    await expect(exchange({ socketPath, path: '/', timeoutMs: 200 })).rejects.toMatchObject({
      code: 'SDM_TIMEOUT',
    });
  });

  it('passes the abort of its caller on', async () => {
    const socketPath = await listen(() => {});
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(exchange({ socketPath, path: '/', signal })).rejects.toThrow();
  });

  it('says that a connection was closed without an answer', async () => {
    const socketPath = await listen((request) => request.socket.destroy());
    await expect(exchange({ socketPath, path: '/' })).rejects.toMatchObject({
      code: 'SDM_UNREACHABLE',
    });
  });

  it('refuses an answer that is not JSON', async () => {
    const socketPath = await listen((_request, response) => response.end('hello'));
    await expect(exchange({ socketPath, path: '/' })).rejects.toMatchObject({
      code: 'SDM_INTERNAL',
    });
  });

  it('sends a body as JSON and gives the answer with its status', async () => {
    const socketPath = await listen((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        response.statusCode = 418;
        response.end(JSON.stringify({ type: request.headers['content-type'], text }));
      });
    });
    expect(await exchange({ socketPath, method: 'POST', path: '/', body: { ä: 1 } })).toEqual({
      status: 418,
      body: { type: 'application/json', text: '{"ä":1}' },
    });
  });

  it('knows an answer without a body', async () => {
    const socketPath = await listen((_request, response) => {
      response.statusCode = 204;
      response.end();
    });
    expect(await exchange({ socketPath, path: '/' })).toEqual({ status: 204, body: undefined });
  });
});

describe('call', () => {
  it("throws the other side's own error", async () => {
    const error = { code: 'SDM_NOT_FOUND', message: 'no such thing', details: { id: 'a' } };
    const socketPath = await listen((_request, response) => {
      response.statusCode = 404;
      response.end(JSON.stringify(error));
    });
    await expect(call({ socketPath, path: '/' })).rejects.toMatchObject(error);
  });

  it('does not take another form of refusal for one of ours', async () => {
    const socketPath = await listen((_request, response) => {
      response.statusCode = 500;
      response.end(JSON.stringify({ code: 'SOMETHING', message: 'x' }));
    });
    await expect(call({ socketPath, path: '/' })).rejects.toMatchObject({ code: 'SDM_INTERNAL' });
  });
});

describe('stream', () => {
  const read = async (options: Omit<UnixStreamRequest, 'path'>): Promise<string> => {
    let text = '';
    for await (const piece of stream({ ...options, path: '/x' })) text += piece;
    return text;
  };

  it('says that there is no socket', async () => {
    await expect(read({ socketPath: join(dir, 'none') })).rejects.toMatchObject({
      code: 'SDM_UNREACHABLE',
      message: expect.stringMatching(/GET \/x.*no such socket/),
    });
  });

  it('gives up on an answer that does not begin', async () => {
    const socketPath = await listen(() => {});
    await expect(read({ socketPath, timeoutMs: 50 })).rejects.toMatchObject({
      code: 'SDM_TIMEOUT',
      message: expect.stringContaining('GET /x'),
    });
  });

  it("throws the other side's own error", async () => {
    const body = JSON.stringify({ code: 'SDM_TOO_MANY', message: 'full', details: { n: 1 } });
    const socketPath = await listen((_request, response) => response.writeHead(503).end(body));
    await expect(read({ socketPath })).rejects.toMatchObject({
      code: 'SDM_TOO_MANY',
      message: 'full',
      details: { n: 1 },
    });
  });

  it('throws for a refusal in another form', async () => {
    const socketPath = await listen((_request, response) => response.writeHead(404).end('no'));
    await expect(read({ socketPath })).rejects.toMatchObject({
      code: 'SDM_INTERNAL',
      details: { status: 404, body: 'no' },
    });
  });

  it('says that a connection broke in the middle', async () => {
    const socketPath = await listen((_request, response) => {
      response.write('a', () => response.destroy());
    });
    await expect(read({ socketPath })).rejects.toMatchObject({ code: 'SDM_UNREACHABLE' });
  });

  it('gives the pieces as they come, characters whole, with the headers that were asked for', async () => {
    const euro = Buffer.from('€');
    const socketPath = await listen((request, response) => {
      response.write(`${String(request.headers['last-event-id'])} `);
      response.write(euro.subarray(0, 1), () => response.end(euro.subarray(1)));
    });
    expect(await read({ socketPath, headers: { 'last-event-id': '7' } })).toBe('7 €');
  });

  it('closes the connection when nobody reads on, or its signal fires', async () => {
    for (const how of ['break', 'abort'] as const) {
      let gone: Promise<void> = Promise.reject(new Error('never asked'));
      gone.catch(() => {});
      const socketPath = await listen((_request, response) => {
        gone = new Promise((resolve) => response.once('close', resolve));
        response.write('a');
      });
      const { signal, abort } = aborter();
      const reading = (async () => {
        for await (const _ of stream({ socketPath, path: '/x', signal })) {
          if (how === 'break') break;
          abort();
        }
      })();
      if (how === 'abort') await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
      else await reading;
      await gone;
      await new Promise<void>((resolve) => server!.close(() => resolve()));
      server = undefined;
    }
  });
});

function aborter(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
