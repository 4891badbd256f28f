import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HttpClient, type ClientOptions } from '../../src/common/http-client.js';
import { waitFor } from '../../src/common/wait.js';
import { CERTIFICATE_DAYS, makeToken, revoke } from '../../src/pki/index.js';
import { makeBrick, type Brick, type RunningAgent } from '../support/agent.js';
import { makePki, talkTls, type TestPki } from '../support/pki.js';

let pki: TestPki;
let other: TestPki;
let brick: Brick;
let agent: RunningAgent;
let port: number;
const clients: HttpClient[] = [];
const dirs: Record<string, string> = {};

beforeAll(async () => {
  [pki, other] = await Promise.all([makePki(), makePki()]);
  for (const name of ['main', 'gone', 'second', 'watcher'])
    dirs[name] = await pki.issue('controller', name);
  dirs['agent'] = await pki.issue('agent', '0.0.1');
  dirs['alice'] = await pki.issue('operator', 'alice');
  dirs['tray'] = await pki.issue('dbmc', '0.0.0');
  dirs['expired'] = await pki.issue('controller', 'old', -1);
  // what is revoked is taken out of the authority's own directory
  cpSync(dirs['gone']!, (dirs['gone'] = `${dirs['gone']}.copy`), { recursive: true });
  dirs['foreign'] = await other.issue('controller', 'main');
  makeToken(pki.dir, 'viewer', 'viewer');
  makeToken(pki.dir, 'operator', 'operator');
  brick = await makeBrick({
    config: {
      brick: '0.0.1',
      listen: {
        address: 'https://127.0.0.1:0',
        pki: dirs['agent'],
        tokens: join(pki.dir, 'tokens.json'),
      },
    },
  });
  agent = await brick.start();
  port = Number(/"address":"https:\/\/127\.0\.0\.1:(\d+)"/.exec(agent.log())?.[1]);
});
afterAll(async () => {
  for (const client of clients) client.close();
  await brick.remove();
});

function clientOf(options: ClientOptions = {}, scheme = 'https'): HttpClient {
  const client = new HttpClient(`${scheme}://127.0.0.1:${port}`, options);
  clients.push(client);
  return client;
}
const as = (who: string): HttpClient =>
  clientOf({ pki: dirs[who]!, expect: { role: 'agent', name: '0.0.1' } });
/** With no certificate: only the authority's, to know the agent by. */
const withToken = (who: string): HttpClient =>
  clientOf({ pki: pki.dir, token: readFileSync(join(pki.dir, `${who}.token`), 'utf8').trim() });

const ATTACH = { mode: 'device', size: '0x200000' };
const term = (name: string) => ({ 'sdm-controller': name, 'sdm-epoch': '1' });

describe('an agent behind TLS', () => {
  it('is commanded by a controller under its own name', async () => {
    const main = as('main');
    const made = await main.call('POST', '/v1/attachments', {
      body: ATTACH,
      headers: term('main'),
    });
    expect(made).toMatchObject({ owner: 'main', state: 'present' });
    const { id } = made as { id: string };
    await main.call('DELETE', `/v1/attachments/${id}`, { headers: term('main') });
    expect(await brick.ask({ path: '/healthz' })).toMatchObject({ status: 200 });
  });

  it.each([
    ['under the name of another', 'second', term('main')],
    ['without a name', 'second', {}],
  ])('refuses a controller %s', async (_, who, headers) => {
    const asked = as(who).call('POST', '/v1/attachments', { body: ATTACH, headers });
    await expect(asked).rejects.toMatchObject({ code: 'SDM_FORBIDDEN' });
  });

  it('lets an operator command as a person, and not as a controller', async () => {
    const alice = as('alice');
    const made = await alice.call('POST', '/v1/attachments', { body: ATTACH });
    expect(made).toMatchObject({ owner: 'local' });
    const { id } = made as { id: string };
    await alice.call('DELETE', `/v1/attachments/${id}`);
    const posing = alice.call('POST', '/v1/attachments', { body: ATTACH, headers: term('main') });
    await expect(posing).rejects.toMatchObject({ code: 'SDM_FORBIDDEN' });
  });

  it.each(['tray', 'agent'])('refuses certificates of other roles: %s', async (who) => {
    const client = as(who);
    await expect(client.call('GET', '/v1/attachments')).rejects.toMatchObject({
      code: 'SDM_FORBIDDEN',
      message: expect.stringMatching(/expected a caller of role viewer or controller/),
    });
    await expect(client.call('POST', '/v1/attachments', { body: ATTACH })).rejects.toMatchObject({
      code: 'SDM_FORBIDDEN',
    });
  });

  it('asks who has no certificate for one, or for a token', async () => {
    const answer = await anonymous('GET /v1/brick HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(answer).toMatch(/www-authenticate: Bearer/i);
    expect(answer).toContain('SDM_UNAUTHENTICATED');
  });

  it('says of what there is not nothing to those it does not know', async () => {
    expect(await anonymous('GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(/^HTTP\/1\.1 401 /);
  });

  it('says why a certificate is refused', async () => {
    await expect(as('expired').call('GET', '/healthz')).rejects.toMatchObject({
      code: 'SDM_UNAUTHENTICATED',
      message: expect.stringContaining('expired'),
    });
    // it trusts the agent, which does not trust it
    const client = await foreign();
    expect(client).toMatch(/^HTTP\/1\.1 401 /);
    expect(client).toContain('the authority of this rack has not issued it');
  });

  it('refuses a certificate from when it is revoked, also on a connection that stays', async () => {
    const gone = as('gone');
    await gone.call('GET', '/healthz');
    revoke(pki.dir, 'controller', 'gone'); // also writes the list in the agent's directory
    await waitFor(
      'the agent to read the list',
      async () => ((await gone.exchange('GET', '/healthz')).status === 401 ? true : undefined),
      { timeoutMs: 20_000 },
    );
    const { body } = await gone.exchange('GET', '/healthz');
    expect(body).toMatchObject({ message: expect.stringContaining('revoked') });
    expect(await as('main').exchange('GET', '/healthz')).toMatchObject({ status: 200 });
  });

  it('ends a stream of events of who is revoked meanwhile', async () => {
    const stream = as('watcher').stream('/v1/events');
    await stream.next();
    revoke(pki.dir, 'controller', 'watcher');
    const rest = (async () => {
      for await (const text of stream) expect(text).toMatch(/^(:|id|retry)/);
      return 'ended' as const;
    })();
    const late = once(new EventTarget(), 'never', { signal: AbortSignal.timeout(25_000) });
    await expect(Promise.race([rest, late])).resolves.toBe('ended');
  });

  it('does not take what a page of others has a browser send with its certificate', async () => {
    const headers = { 'sec-fetch-site': 'cross-site' };
    await expect(as('alice').call('GET', '/v1/brick', { headers })).rejects.toMatchObject({
      code: 'SDM_FORBIDDEN',
    });
  });

  it('speaks no TLS before 1.3', async () => {
    const ca = readFileSync(join(pki.dir, 'ca.pem'), 'utf8');
    const socket = connectTls({ port, host: '127.0.0.1', ca, maxVersion: 'TLSv1.2' });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toMatch(/PROTOCOL_VERSION/);
  });

  it('knows people by their tokens', async () => {
    const viewer = withToken('viewer');
    expect(await viewer.call('GET', '/v1/attachments')).toEqual({ attachments: [] });
    await expect(viewer.call('POST', '/v1/attachments', { body: ATTACH })).rejects.toMatchObject({
      code: 'SDM_FORBIDDEN',
    });
  });

  it('says until when its own certificate holds', async () => {
    let text = '';
    for await (const piece of as('main').stream('/metrics')) text += piece;
    const until = Number(/^sdm_certificate_expiry_seconds (\S+)$/m.exec(text)?.[1]) * 1000;
    const days = (until - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(CERTIFICATE_DAYS - 1);
    expect(days).toBeLessThanOrEqual(CERTIFICATE_DAYS);
  });

  it('leaves no token in its log', async () => {
    const bad = clientOf({ pki: dirs['agent']!, token: 'sdm_wrong' });
    // shows a certificate, too: that goes first
    await expect(bad.call('GET', '/v1/brick')).rejects.toMatchObject({ code: 'SDM_FORBIDDEN' });
    const answer = await anonymous(
      'GET /v1/brick HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sdm_wrong\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(agent.log()).not.toContain('sdm_wrong');
  });
});

describe('an agent whose own certificate has expired', () => {
  it('says so in its log, and is not talked to', async () => {
    const expired = await pki.issue('agent', 'past', -1);
    const past = await makeBrick({
      config: { brick: 'past', listen: { address: 'https://127.0.0.1:0', pki: expired } },
    });
    try {
      const running = await past.start();
      expect(running.log()).toContain('the certificate of this daemon has expired');
      const { address } = JSON.parse(/^.*"ready".*$/m.exec(running.log())?.[0] ?? '{}') as {
        address: string;
      };
      const client = new HttpClient(address, { pki: dirs['main']! });
      clients.push(client);
      await expect(client.call('GET', '/healthz')).rejects.toMatchObject({
        code: 'SDM_PEER',
        message: expect.stringContaining('expired'),
      });
    } finally {
      await past.remove();
    }
  });
});

describe('a client', () => {
  it('does not talk to an agent of another name, role or authority', async () => {
    const options = { pki: dirs['main']! };
    const wrong = [
      clientOf({ ...options, expect: { role: 'agent', name: '0.0.2' } }),
      clientOf({ ...options, expect: { role: 'lender' } }),
      clientOf({ pki: dirs['foreign']! }),
    ];
    for (const client of wrong) {
      await expect(client.call('GET', '/healthz')).rejects.toMatchObject({ code: 'SDM_PEER' });
    }
  });

  it('that speaks plain HTTP is told what may be wrong', async () => {
    await expect(clientOf({}, 'http').call('GET', '/healthz')).rejects.toMatchObject({
      code: 'SDM_UNREACHABLE',
      message: expect.stringContaining('is https meant?'),
    });
  });

  it('asks many things at once over few connections', async () => {
    const client = clientOf({ pki: dirs['main']!, maxSockets: 8 });
    const asked = Array.from({ length: 400 }, () => client.call('GET', '/v1/memports/0'));
    const answers = await Promise.all(asked);
    expect(answers.every((each) => (each as { port: number }).port === 0)).toBe(true);
  });
});

/** Sends bytes over TLS with no certificate of its own; gives what comes until the end. */
function anonymous(text: string): Promise<string> {
  return talkTls(port, pki, text);
}

/** With a certificate of another authority, and trust in this one. */
function foreign(): Promise<string> {
  const of = (file: string): string => readFileSync(join(dirs['foreign']!, file), 'utf8');
  return talkTls(port, pki, 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', {
    cert: of('cert.pem'),
    key: of('key.pem'),
  });
}
