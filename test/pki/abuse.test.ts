import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HttpClient } from '../../src/common/http-client.js';
import { residentOf } from '../load/wire.js';
import { makeBrick, type Brick, type RunningAgent } from '../support/agent.js';
import { closed, makePki, talkTls, type TestPki } from '../support/pki.js';

let pki: TestPki;
let brick: Brick;
let agent: RunningAgent;
let main: HttpClient;
let port: number;

beforeAll(async () => {
  pki = await makePki();
  const dir = await pki.issue('agent', '0.0.1');
  brick = await makeBrick({
    config: { brick: '0.0.1', listen: { address: 'https://127.0.0.1:0', pki: dir } },
  });
  agent = await brick.start();
  port = Number(/"address":"https:\/\/127\.0\.0\.1:(\d+)"/.exec(agent.log())?.[1]);
  main = new HttpClient(`https://127.0.0.1:${port}`, {
    pki: await pki.issue('controller', 'main'),
  });
});
afterAll(async () => {
  main.close();
  await brick.remove();
});

describe('who means no good', () => {
  it('and lets the handshake wait is cut off', async () => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    await closed(socket, 'a handshake that never begins');
  });

  it('and sends 10 MB to where nobody lets it is not read', async () => {
    const before = residentOf(agent.pid);
    const many = Array.from({ length: 8 }, () =>
      talkTls(
        port,
        pki,
        'POST /v1/attachments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n' +
          `Content-Length: 10000000\r\n\r\n${'x'.repeat(10_000_000)}`,
      ),
    );
    for (const answer of await Promise.all(many)) expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(residentOf(agent.pid) - before).toBeLessThan(64n << 20n);
  });

  it('and is known, and sends a body that never ends, is cut off', async () => {
    const dir = join(pki.dir, 'controller-main');
    const [cert, key] = ['cert.pem', 'key.pem'].map((name) =>
      readFileSync(join(dir, name), 'utf8'),
    );
    const answer = await talkTls(
      port,
      pki,
      'POST /v1/attachments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n' +
        'Content-Length: 20\r\n\r\n{"size":',
      { cert: cert!, key: key! },
    );
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('SDM_SLOW');
  });

  it('and is many keeps no controller out', async () => {
    const sockets = Array.from({ length: 600 }, () => connect(port, '127.0.0.1'));
    for (const socket of sockets) socket.on('error', () => {});
    await Promise.all(
      sockets.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])),
    );
    expect(await main.exchange('GET', '/healthz')).toMatchObject({ status: 200 });
    for (const socket of sockets) socket.destroy();
  });
});
