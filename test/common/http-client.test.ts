import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createNetServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { HttpClient, type ClientOptions } from '../../src/common/http-client.js';

/** Before the next is begun, last first. */
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Daemon {
  readonly server: Server;
  readonly address: string;
  /** How many connections there were so far. */
  connections(): number;
}

async function daemon(handler: RequestListener): Promise<Daemon> {
  const server = createServer(handler);
  let count = 0;
  server.on('connection', () => (count += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => {
    server.closeAllConnections();
    return new Promise<void>((done) => void server.close(() => done()));
  });
  const { port } = server.address() as AddressInfo;
  return { server, address: `http://127.0.0.1:${port}`, connections: () => count };
}

function clientOf(address: string, options: ClientOptions = {}): HttpClient {
  const client = new HttpClient(address, options);
  ends.push(() => client.close());
  return client;
}

describe('a client', () => {
  it('keeps connections, and has no more than it may', async () => {
    const { address, connections } = await daemon((_, answer) => answer.end('{}'));
    const client = clientOf(address, { maxSockets: 4 });
    await Promise.all(Array.from({ length: 100 }, () => client.call('GET', '/')));
    for (let i = 0; i < 20; i += 1) await client.call('POST', '/', { body: { i } });
    expect(connections()).toBe(4);
  });

  it('sends its headers, those of the call, and a token', async () => {
    const { address } = await daemon((request, answer) =>
      answer.end(JSON.stringify(request.headers)),
    );
    const client = clientOf(address, { headers: { 'sdm-controller': 'main' }, token: 'sdm_x' });
    expect(
      await client.call('PUT', '/', { body: {}, headers: { 'sdm-epoch': '7' } }),
    ).toMatchObject({
      'sdm-controller': 'main',
      'sdm-epoch': '7',
      'content-type': 'application/json',
      authorization: 'Bearer sdm_x',
    });
  });

  it('gives the other side’s own error', async () => {
    const { address } = await daemon((_, answer) => {
      answer.writeHead(409);
      answer.end('{"code":"SDM_RANGE_TAKEN","message":"taken","details":{"by":"b"}}');
    });
    const client = clientOf(address);
    await expect(client.call('POST', '/x', { body: {} })).rejects.toMatchObject({
      code: 'SDM_RANGE_TAKEN',
      message: 'taken',
      details: { by: 'b' },
    });
    expect(await client.exchange('POST', '/x', { body: {} })).toMatchObject({ status: 409 });
  });

  it('ends a call at its deadline, also one that waits for a connection', async () => {
    const { address } = await daemon(() => {});
    const client = clientOf(address, { maxSockets: 1, timeoutMs: 200 });
    const both = [client.call('GET', '/a'), client.call('GET', '/b')];
    for (const each of both) await expect(each).rejects.toMatchObject({ code: 'SDM_TIMEOUT' });
  });

  it('ends a call at the signal, and not others', async () => {
    const answers: (() => void)[] = [];
    const { address } = await daemon((_, answer) => answers.push(() => answer.end('{}')));
    const client = clientOf(address);
    const stop = new AbortController();
    const stopped = client.call('GET', '/a', { signal: stop.signal });
    const other = client.call('GET', '/b');
    stop.abort(new Error('enough'));
    await expect(stopped).rejects.toThrow();
    await expect(client.call('GET', '/c', { signal: stop.signal })).rejects.toThrow();
    while (answers.length < 1) await new Promise((turn) => setImmediate(turn));
    const timer = setInterval(() => answers.splice(0).forEach((answer) => answer()), 1);
    ends.push(() => clearInterval(timer));
    expect(await other).toEqual({});
  });

  it('waits longer for an answer than it keeps an idle connection', async () => {
    const { address } = await daemon((_, answer) =>
      setTimeout(() => answer.end('{"late":true}'), 4_500),
    );
    expect(await clientOf(address).call('GET', '/')).toEqual({ late: true });
  });

  it('asks again where a kept connection has ended, if that may be done twice', async () => {
    const { server, address, connections } = await daemon((_, answer) => answer.end('{}'));
    const client = clientOf(address);
    await client.call('GET', '/');
    // ends it at the moment at which the next request arrives on it
    let requests = 0;
    server.removeAllListeners('request');
    server.on('request', (request, answer) => {
      requests += 1;
      if (requests === 1) request.socket.destroy();
      else answer.end('{"again":true}');
    });
    expect(await client.call('PUT', '/', { body: {} })).toEqual({ again: true });
    expect(connections()).toBe(2);
    requests = 0;
    await expect(client.call('POST', '/', { body: {} })).rejects.toMatchObject({
      code: 'SDM_UNREACHABLE',
    });
    expect(requests).toBe(1);
  });

  it('does not POST over a connection that ended while this process was busy', async () => {
    // ends each connection soon after its first answer, and says nothing of that before
    const code = `require('node:net').createServer((socket) => socket.on('error', () => {}).once('data', () => {
      socket.write('HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}');
      setTimeout(() => socket.destroy(), 20);
    })).listen(0, '127.0.0.1', function () { console.log(this.address().port); })`;
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    ends.push(() => child.kill('SIGKILL'));
    const [port] = (await once(child.stdout, 'data')) as [Buffer];
    const client = clientOf(`http://127.0.0.1:${String(port).trim()}`);
    for (let i = 0; i < 5; i += 1) {
      await client.call('POST', '/', { body: {} });
      const busy = spawnSync('sleep', ['0.3']);
      expect(busy.status).toBe(0);
      expect(await client.call('POST', '/', { body: {} })).toEqual({});
      spawnSync('sleep', ['0.3']);
    }
  });

  it('says that nobody listens, and where', async () => {
    const server = createNetServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await new Promise((done) => server.close(done));
    await expect(clientOf(`http://127.0.0.1:${port}`).call('GET', '/v1/x')).rejects.toMatchObject({
      code: 'SDM_UNREACHABLE',
      message: expect.stringContaining(`GET /v1/x on http://127.0.0.1:${port}: nobody listens`),
    });
  });

  it('says what https needs, before it asks anybody', async () => {
    const client = clientOf('https://127.0.0.1:1');
    await expect(client.call('GET', '/')).rejects.toMatchObject({ code: 'SDM_PKI' });
  });

  it('says that what answers speaks no TLS', async () => {
    const { address } = await daemon((_, answer) => answer.end('{}'));
    const { makePki } = await import('../support/pki.js');
    const { dir } = await makePki();
    const client = clientOf(address.replace('http:', 'https:'), { pki: dir });
    await expect(client.call('GET', '/')).rejects.toMatchObject({
      code: 'SDM_UNREACHABLE',
      message: expect.stringContaining('does not speak TLS'),
    });
  });
});
