import { once } from 'node:events';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HttpClient } from '../../src/common/http-client.js';
import { waitFor } from '../../src/common/wait.js';
import { revoke } from '../../src/pki/index.js';
import { makePki, type TestPki } from '../support/pki.js';

let pki: TestPki;
let own: string;
let server: Server;
let client: HttpClient;
/** What the daemon was asked. */
let asked: string[];
/** What waits for the rest of its answer. */
let waiting: ServerResponse[];

beforeEach(async () => {
  pki = await makePki();
  own = await pki.issue('controller', 'main');
  [asked, waiting] = [[], []];
  const daemon = copyOf(await pki.issue('agent', '0.0.1'));
  server = createServer(keysIn(daemon), (request: IncomingMessage, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.setHeader('content-type', 'application/json');
    if (request.url === '/whole') return void response.end('{}');
    response.write('{');
    return void waiting.push(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  client = clientWith(own);
});
afterEach(async () => {
  client.close();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

const revokeIt = (): unknown => revoke(pki.dir, 'agent', '0.0.1');
const SOON = { timeoutMs: 20_000 };
const REVOKED = { code: 'SDM_PEER', message: expect.stringContaining('it was revoked') };

test.each(['GET', 'POST'] as const)(
  'who is revoked is sent no %s any more on a connection that stays, and none on another',
  async (method) => {
    await client.call(method, '/whole');
    revokeIt();
    const refusal = await waitFor('the client to read the list', () => refusalOf(method), SOON);
    expect(refusal).toMatchObject(REVOKED);
    const before = asked.length;
    for (const each of [client, clientWith(own), clientWith(pki.dir)]) {
      await expect(each.call(method, '/whole')).rejects.toMatchObject(REVOKED);
    }
    expect(asked).toHaveLength(before);
  },
);

test('nothing is believed that ends after its sender was revoked', async () => {
  const call = client.call('GET', '/slow');
  const stream = client.stream('/slow');
  expect(await stream.next()).toEqual({ done: false, value: '{' });
  await waitFor('both to be asked', () => waiting.length === 2 || undefined, SOON);
  revokeIt();
  const refusals = Promise.all(
    [call, stream.next()].map((each) => expect(each).rejects.toMatchObject(REVOKED)),
  );
  // the list is read again at most twice a second
  await waitFor('the list to be read', () => refusalOf('GET'), SOON);
  for (const response of waiting) response.end('}');
  await refusals;
});

test('another certificate in its place is taken at once', async () => {
  await client.call('GET', '/whole');
  revokeIt();
  server.setSecureContext(keysIn(await pki.issue('agent', '0.0.1')));
  let connections = 0;
  server.on('secureConnection', () => (connections += 1));
  const another = async (): Promise<true | undefined> => {
    await client.call('POST', '/whole');
    return connections === 1 || undefined;
  };
  await waitFor('a connection to the new one', another, SOON);
});

test('without a list that can be read nobody is trusted, but by who only knows the authority', async () => {
  writeFileSync(join(own, 'revoked.json'), '{');
  await expect(clientWith(own).call('GET', '/whole')).rejects.toMatchObject({ code: 'SDM_PKI' });
  const bare = join(pki.dir, 'bare');
  cpSync(join(pki.dir, 'ca.pem'), join(bare, 'ca.pem'));
  expect(await clientWith(bare).call('GET', '/whole')).toEqual({});
});

function clientWith(dir: string): HttpClient {
  const { port } = server.address() as AddressInfo;
  return new HttpClient(`https://127.0.0.1:${port}`, {
    ...{ pki: dir, expect: { role: 'agent', name: '0.0.1' } },
  });
}

function refusalOf(method: 'GET' | 'POST'): Promise<unknown> {
  return client.call(method, '/whole').then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** What is revoked is taken out of the authority's own directory. */
function copyOf(dir: string): string {
  cpSync(dir, `${dir}.copy`, { recursive: true });
  return `${dir}.copy`;
}

function keysIn(dir: string): { cert: string; key: string } {
  const [cert = '', key = ''] = ['cert.pem', 'key.pem'].map((file) =>
    readFileSync(join(dir, file), 'utf8'),
  );
  return { cert, key };
}
