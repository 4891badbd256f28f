import { join } from 'node:path';
import { Type } from 'typebox';
import { afterEach, describe, expect, it } from 'vitest';
import { HttpClient, type ClientOptions } from '../../../src/common/http-client.js';
import { createLog } from '../../../src/common/log.js';
import type { AuthOptions } from '../../../src/common/server/access.js';
import { answers } from '../../../src/common/server/answers.js';
import { createApi, type Api, type ApiOptions } from '../../../src/common/server/api.js';
import { drainThenClose } from '../../../src/common/server/closing.js';
import { event, GapEvent } from '../../../src/common/server/event-schema.js';
import { EventLog } from '../../../src/common/server/event-log.js';
import { closed, named, ref } from '../../../src/common/server/forms.js';
import type { Role } from '../../../src/common/server/identity.js';
import { listenOn, type Listening } from '../../../src/common/server/listen.js';
import { Metrics } from '../../../src/common/server/metrics.js';
import { native } from '../../../src/native/index.js';
import { makeToken, revokeToken } from '../../../src/pki/index.js';
import { waitFor } from '../../../src/common/wait.js';
import { makePki } from '../../support/pki.js';
import { scratchDir } from '../../support/scratch.js';

const log = createLog('test', 'silent');
const scratch = scratchDir('api');
const opened: { api: Api; listening: Listening[]; clients: HttpClient[] }[] = [];

afterEach(async () => {
  for (const { api, listening, clients } of opened.splice(0)) {
    for (const client of clients) client.close();
    await drainThenClose(api, () => Promise.resolve(), 10_000, log);
    for (const each of listening) each.release();
  }
});

const Thing = named('Thing', 'for tests', {
  who: Type.String(),
  role: Type.String(),
  text: Type.String(),
  n: Type.Integer(),
});
const Query = Type.Object(
  { text: Type.Optional(Type.String()), n: Type.Optional(Type.Integer()) },
  closed,
);
const Body = Type.Object({ text: Type.String() }, closed);

async function open(
  addresses: readonly string[],
  options: Partial<ApiOptions> & { auth?: AuthOptions; allow?: readonly Role[] } = {},
) {
  const { allow, ...rest } = options;
  const events = new EventLog();
  const api = await createApi({
    log,
    openapi: {
      title: 'test',
      description: 'for tests',
      components: [Thing, Type.Union([event('made', 'x', {}), GapEvent], { $id: 'Event' })],
      tag: 'test',
    },
    events: { log: events, schema: 'Event' },
    metrics: new Metrics(({ gauge }) => gauge('test_things', 'Things.', [], (put) => put(7))),
    routes: (app) => {
      const config = allow === undefined ? {} : { allow };
      const response = answers({ 200: ref(Thing) });
      app.get('/v1/thing', { config, schema: { querystring: Query, response } }, (request) => {
        const { text = '', n = 0 } = request.query;
        return { who: request.identity.name, role: request.identity.role, text, n };
      });
      app.post('/v1/thing', { config, schema: { body: Body, response } }, (request) => {
        const { name, role } = request.identity;
        return { who: name, role, text: request.body.text, n: 0 };
      });
    },
    ...rest,
  });
  const entry = { api, listening: [] as Listening[], clients: [] as HttpClient[] };
  opened.push(entry);
  for (const address of addresses)
    entry.listening.push(await listenOn(api, address, { log, native }));
  const client = (i = 0, how: ClientOptions = {}): HttpClient => {
    const made = new HttpClient(entry.listening[i]!.address, how);
    entry.clients.push(made);
    return made;
  };
  return { api, events, client, listening: entry.listening };
}

const unix = (name: string): string => `unix:${join(scratch, name)}`;

describe('an API', () => {
  it('listens on several addresses at once', async () => {
    const pki = await makePki();
    const { client, listening } = await open(
      [unix('several'), 'http://127.0.0.1:0', 'https://127.0.0.1:0'],
      {
        auth: { pki: await pki.issue('controller', 'c') },
      },
    );
    expect(listening.map(({ address }) => address)).toEqual([
      unix('several'),
      expect.stringMatching(/^http:\/\/127\.0\.0\.1:[1-9]/),
      expect.stringMatching(/^https:\/\/127\.0\.0\.1:[1-9]/),
    ]);
    const alice = { pki: await pki.issue('operator', 'alice') };
    const whos = [client(0), client(1), client(2, alice)].map((each) =>
      each.call('GET', '/v1/thing'),
    );
    expect(await Promise.all(whos)).toMatchObject([
      { who: 'local', role: 'local' },
      { who: 'loopback', role: 'local' },
      { who: 'alice', role: 'operator' },
    ]);
  });

  it('has a document, metrics and events of its own', async () => {
    const { client, events } = await open([unix('extras')]);
    const document = (await client().call('GET', '/openapi.json')) as {
      paths: object;
      info: object;
    };
    expect(document.info).toMatchObject({ title: 'test' });
    expect(Object.keys(document.paths).sort()).toEqual([
      '/metrics',
      '/openapi.json',
      '/v1/events',
      '/v1/thing',
    ]);
    let metrics = '';
    for await (const text of client().stream('/metrics')) metrics += text;
    expect(metrics).toMatch(/^test_things 7$/m);
    expect(metrics).toContain('process_resident_memory_bytes');
    events.append({ kind: 'made' });
    let told = '';
    for await (const text of client().stream('/v1/events?follow=false')) told += text;
    expect(told).toMatch(/event: made\ndata: \{"event":"[0-9a-f]{8}-1"/);
  });

  it('refuses an address that is taken, and one that has no certificate', async () => {
    const { api, listening } = await open([unix('taken'), 'http://127.0.0.1:0']);
    const again = (address: string) => listenOn(api, address, { log, native });
    await expect(again(unix('taken'))).rejects.toMatchObject({ code: 'SDM_RUNNING' });
    await expect(again(listening[1]!.address)).rejects.toMatchObject({
      code: 'SDM_RUNNING',
      message: expect.stringContaining(listening[1]!.address),
    });
    await expect(again('https://127.0.0.1:0')).rejects.toMatchObject({ code: 'SDM_CONFIG' });
    await expect(again('https://192.0.2.1:0')).rejects.toMatchObject({ code: 'SDM_CONFIG' });
    await expect(again('http://0.0.0.0:0')).rejects.toMatchObject({ code: 'SDM_INPUT' });
  });

  it('reads bodies up to the limit that it was given', async () => {
    const { client } = await open([unix('limit')], { limits: { bodyLimit: 1_000_000 } });
    const post = (length: number) =>
      client().call('POST', '/v1/thing', { body: { text: 'x'.repeat(length) } });
    expect(await post(900_000)).toMatchObject({ text: expect.stringMatching(/^x+$/) });
    await expect(post(1_000_001)).rejects.toMatchObject({ code: 'SDM_TOO_LARGE' });
  });

  it('refuses commands once it drains, and answers questions', async () => {
    const { api, client } = await open([unix('drain')]);
    await client().call('POST', '/v1/thing', { body: { text: 'a' } });
    api.drain();
    await expect(client().call('POST', '/v1/thing', { body: { text: 'a' } })).rejects.toMatchObject(
      {
        code: 'SDM_STOPPING',
      },
    );
    expect(await client().call('GET', '/v1/thing')).toMatchObject({ n: 0 });
  });
});

describe('GET with a body', () => {
  it('is what the query would be', async () => {
    const { client } = await open([unix('get')], { bodiesOfGet: true });
    const get = (path: string, body?: unknown) => client().call('GET', path, { body });
    expect(await get('/v1/thing?text=a&n=3')).toMatchObject({ text: 'a', n: 3 });
    expect(await get('/v1/thing', { text: 'a', n: 3 })).toMatchObject({ text: 'a', n: 3 });
    expect(await get('/v1/thing?n=3', { text: 'a' })).toMatchObject({ text: 'a', n: 3 });
    expect(await get('/v1/thing', { text: 'a', n: '3' })).toMatchObject({ n: 3 });
  });

  it('is refused where it cannot be', async () => {
    const { client } = await open([unix('get-bad')], { bodiesOfGet: true });
    const get = (path: string, body?: unknown) => client().call('GET', path, { body });
    const refused = { code: 'SDM_INPUT' };
    await expect(get('/v1/thing?n=3', { n: 3 })).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('"n" stands in the query and in the body'),
    });
    await expect(get('/v1/thing', [1])).rejects.toMatchObject(refused);
    await expect(get('/v1/thing', 'x')).rejects.toMatchObject(refused);
    await expect(get('/v1/thing', { other: 1 })).rejects.toMatchObject(refused);
    await expect(get('/v1/thing', { n: 'many' })).rejects.toMatchObject(refused);
  });
});

describe('a route', () => {
  it('says who may use it', async () => {
    const pki = await makePki();
    const { client } = await open([unix('allow'), 'https://127.0.0.1:0'], {
      auth: { pki: await pki.issue('controller', 'c') },
      allow: ['dbmc', 'admin'],
    });
    const tray = client(1, { pki: await pki.issue('dbmc', '0.0.0') });
    expect(await tray.call('POST', '/v1/thing', { body: { text: 'a' } })).toMatchObject({
      role: 'dbmc',
    });
    await expect(tray.call('GET', '/openapi.json')).rejects.toMatchObject({
      code: 'SDM_FORBIDDEN',
    });
    const operator = client(1, { pki: await pki.issue('operator', 'o') });
    await expect(operator.call('GET', '/v1/thing')).rejects.toMatchObject({
      code: 'SDM_FORBIDDEN',
    });
    expect(await operator.call('GET', '/openapi.json')).toBeTruthy();
  });
});

describe('a port of this machine', () => {
  it('is not for pages of others', async () => {
    const { client } = await open(['http://127.0.0.1:0']);
    const with_ = (headers: Record<string, string>) =>
      client().call('GET', '/v1/thing', { headers });
    const forbidden = { code: 'SDM_FORBIDDEN' };
    await expect(with_({ origin: 'http://evil.example' })).rejects.toMatchObject(forbidden);
    await expect(with_({ 'sec-fetch-site': 'cross-site' })).rejects.toMatchObject(forbidden);
    expect(await with_({ 'sec-fetch-site': 'none' })).toMatchObject({ who: 'loopback' });
    // the name of somebody else, which leads here for the moment
    await expect(with_({ host: 'evil.example' })).rejects.toMatchObject(forbidden);
    await expect(with_({ host: '127.0.0.1.evil.example:80' })).rejects.toMatchObject(forbidden);
    expect(await with_({ host: 'localhost:1234' })).toMatchObject({ who: 'loopback' });
    expect(await with_({ host: '[::1]:1234' })).toMatchObject({ who: 'loopback' });
  });

  it('asks for tokens where there are some, and knows them as the file changes', async () => {
    const { dir } = await makePki();
    const { readFile } = await import('node:fs/promises');
    const tokenOf = async (name: string) =>
      (await readFile(join(dir, `${name}.token`), 'utf8')).trim();
    makeToken(dir, 'vera', 'viewer');
    const { client } = await open(['http://127.0.0.1:0', unix('tokens')], {
      auth: { tokens: join(dir, 'tokens.json') },
    });
    const status = async (token: string) =>
      (await client(0, { token }).exchange('GET', '/v1/thing')).status;
    expect(await client().exchange('GET', '/v1/thing')).toMatchObject({
      status: 401,
      body: { code: 'SDM_UNAUTHENTICATED', message: expect.stringContaining('Bearer') },
    });
    const vera = await tokenOf('vera');
    expect(await status(vera)).toBe(200);
    expect(await status(`${vera}x`)).toBe(401);
    const post = { body: { text: 'a' } };
    await expect(client(0, { token: vera }).call('POST', '/v1/thing', post)).rejects.toMatchObject({
      code: 'SDM_FORBIDDEN',
    });
    expect(await client(1).call('GET', '/v1/thing')).toMatchObject({ who: 'local' });

    makeToken(dir, 'ada', 'admin');
    const ada = await tokenOf('ada');
    const becomes = (token: string, wanted: number) =>
      waitFor(
        `status ${wanted}`,
        async () => ((await status(token)) === wanted ? true : undefined),
        {
          timeoutMs: 20_000,
        },
      );
    await becomes(ada, 200);
    expect(await client(0, { token: ada }).call('POST', '/v1/thing', post)).toMatchObject({
      who: 'ada',
    });
    revokeToken(dir, 'vera');
    await becomes(vera, 401);
    const { writeFile } = await import('node:fs/promises');
    await writeFile(join(dir, 'tokens.json'), '{ broken');
    await becomes(ada, 401);
  });
});
