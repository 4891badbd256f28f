import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createServer, type Server } from '../../../src/agent/api/server.js';
import { Observation } from '../../../src/agent/observe/index.js';
import { probeThroughAgent } from '../../../src/agent/probe/collect.js';
import { LOCAL } from '../../../src/agent/types.js';
import { ERRORS, type ErrorCode } from '../../../src/common/errors.js';
import { createLog } from '../../../src/common/log.js';
import { OpenApiChecker } from '../../support/openapi.js';
import { FakeCore } from './fake-core.js';

let server: Server;
let checker: OpenApiChecker;
let core: FakeCore;

beforeAll(async () => {
  core = new FakeCore();
  const probe = async () => probeThroughAgent(core, { node: 1 });
  const observation = new Observation();
  observation.event({ kind: 'epoch', epoch: 7n, controller: 'rack-a' });
  server = await createServer(
    { brick: 'b1', agent: core, probe, observation },
    createLog('test', 'silent'),
  );
  const document = await server.app.inject('/openapi.json');
  checker = new OpenApiChecker(document.json());
});
afterAll(() => server.app.close());
beforeEach(() => {
  core.commands.length = 0;
  core.failure = undefined;
});

type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';

/** Asks, holds the answer against the document, gives it. */
async function ask(
  method: Method,
  url: string,
  payload?: unknown,
  headers: Record<string, string> = {},
) {
  const answer = await server.app.inject({
    method,
    url,
    headers,
    ...(payload === undefined ? {} : { payload: payload as object }),
  });
  const type = String(answer.headers['content-type']).split(';')[0]!;
  const body: unknown = READERS[type]!(answer.body);
  checker.check(method, url, answer.statusCode, body, type);
  return { status: answer.statusCode, body: body as Record<string, never> };
}

const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  'application/json': (text) => JSON.parse(text),
  'text/plain': (text) => text,
  // the schema is that of one event's data
  'text/event-stream': (text) => JSON.parse(/^data: (.*)$/m.exec(text)![1]!),
};

const SIZE = '0x10000000';
const MEMPORT = { start: '0x8010000000', size: SIZE, remote: '0x10000000' };

const D44 = {
  action: 'Add',
  segments: [{ startA: '8010000000', endA: '801fffffff', offset: '8000008000000000', net: 0 }],
};

const SUCCESSES: [Method, string, unknown, number][] = [
  ['GET', '/v1/brick', undefined, 200],
  ['GET', '/v1/memory', undefined, 200],
  ['GET', '/healthz', undefined, 200],
  ['GET', '/openapi.json', undefined, 200],
  ['GET', '/metrics', undefined, 200],
  ['GET', '/v1/events?follow=false', undefined, 200],
  ['GET', '/v1/attachments', undefined, 200],
  ['GET', '/v1/attachments/a1', undefined, 200],
  ['POST', '/v1/attachments', { size: SIZE }, 201],
  ['DELETE', '/v1/attachments/a1', undefined, 200],
  ['GET', '/v1/memports', undefined, 200],
  ['GET', '/v1/memports/3', undefined, 200],
  ['PUT', '/v1/memports/3', MEMPORT, 200],
  ['DELETE', '/v1/memports/3', undefined, 200],
  ['GET', '/v1/transceivers', undefined, 200],
  ['POST', '/v1/transceivers/0/reset', undefined, 200],
  ['POST', '/RemoteMemory', D44, 200],
];

/** These cannot fail but by a defect; and what a stream tells was asked of the core before. */
const UNFAILING = ['/healthz', '/openapi.json', '/metrics', '/v1/events?follow=false'];
const COMMANDS = SUCCESSES.filter(([method]) => method !== 'GET');

describe('bad requests', () => {
  const bad: [string, Method, string, unknown, string][] = [
    ['no body', 'POST', '/v1/attachments', undefined, 'body'],
    ['an empty body', 'POST', '/v1/attachments', {}, 'body.size'],
    ['an array', 'POST', '/v1/attachments', [], 'body'],
    ['a size that is a number', 'POST', '/v1/attachments', { size: 4096 }, 'body.size'],
    ['a size without 0x', 'POST', '/v1/attachments', { size: '4096' }, 'body.size'],
    [
      'a size over 64 bits',
      'POST',
      '/v1/attachments',
      { size: `0x1${SIZE.slice(2).padEnd(16, '0')}` },
      'body.size',
    ],
    ['an unknown mode', 'POST', '/v1/attachments', { size: SIZE, mode: 'vm' }, 'body.mode'],
    ['an unknown field', 'POST', '/v1/attachments', { size: SIZE, nod: 1 }, 'body.nod'],
    ['a node that is a string', 'POST', '/v1/attachments', { size: SIZE, node: '1' }, 'body.node'],
    [
      'a node that is no integer',
      'POST',
      '/v1/attachments',
      { size: SIZE, node: 1.5 },
      'body.node',
    ],
    ['a node too large', 'POST', '/v1/attachments', { size: SIZE, node: 2 ** 53 }, 'body.node'],
    [
      'a flag that is a string',
      'POST',
      '/v1/attachments',
      { size: SIZE, shared: 'yes' },
      'body.shared',
    ],
    ['null for a flag', 'POST', '/v1/attachments', { size: SIZE, shared: null }, 'body.shared'],
    ['an id with a slash', 'POST', '/v1/attachments', { size: SIZE, id: 'a/b' }, 'body.id'],
    ['an id too long', 'POST', '/v1/attachments', { size: SIZE, id: 'x'.repeat(65) }, 'body.id'],
    [
      'an outId that is a number',
      'POST',
      '/v1/attachments',
      { size: SIZE, outId: 1 },
      'body.outId',
    ],
    ['a bad id in the path', 'GET', '/v1/attachments/a%20b', undefined, 'path.id'],
    ['a flag in the query', 'DELETE', '/v1/attachments/a1?retain=maybe', undefined, 'query.retain'],
    [
      'a deadline of 0',
      'DELETE',
      '/v1/attachments/a1?offlineTimeoutMs=0',
      undefined,
      'query.offlineTimeoutMs',
    ],
    ['an unknown query', 'DELETE', '/v1/attachments/a1?force=true', undefined, 'query.force'],
    ['a port that is no number', 'GET', '/v1/memports/x', undefined, 'path.port'],
    ['a port too large', 'PUT', '/v1/memports/512', MEMPORT, 'path.port'],
    ['a negative port', 'DELETE', '/v1/memports/-1', undefined, 'path.port'],
    [
      'a memport without remote',
      'PUT',
      '/v1/memports/1',
      { start: '0x0', size: '0x1' },
      'body.remote',
    ],
    [
      'a memport with a raw offset',
      'PUT',
      '/v1/memports/1',
      { ...MEMPORT, offset: '0x0' },
      'body.offset',
    ],
    ['a start that is a number', 'POST', '/v1/attachments', { size: SIZE, start: 0 }, 'body.start'],
    [
      'a memport too large',
      'POST',
      '/v1/attachments',
      { size: SIZE, memport: 512 },
      'body.memport',
    ],
    ['an id that no event has', 'GET', '/v1/events?after=7', undefined, 'query.after'],
    ['a flag in the query', 'GET', '/v1/events?follow=maybe', undefined, 'query.follow'],
    ['a transceiver too large', 'POST', '/v1/transceivers/16/reset', undefined, 'path.transceiver'],
  ];
  it.each(bad)('%s: %s %s', async (_name, method, url, body, where) => {
    const answer = await ask(method, url, body);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: 'SDM_INPUT' });
    expect(answer.body['message']).toContain(where);
    expect(answer.body['message']).toContain('expected');
    expect(core.commands).toEqual([]);
  });

  const controller = { 'sdm-controller': 'rack-a', 'sdm-epoch': '7' };
  const callers: [string, Record<string, string>, string][] = [
    ['a controller with no term', { 'sdm-controller': 'rack-a' }, 'headers.sdm-epoch'],
    ['a term with no controller', { 'sdm-epoch': '7' }, 'headers.sdm-controller'],
    ['an empty name', { ...controller, 'sdm-controller': '' }, 'headers.sdm-controller'],
    ['a name with a blank', { ...controller, 'sdm-controller': 'a b' }, 'headers.sdm-controller'],
    ['a name too long', { ...controller, 'sdm-controller': 'x'.repeat(64) }, 'sdm-controller'],
    ['the name of nobody', { ...controller, 'sdm-controller': 'local' }, 'headers.sdm-controller'],
    ['a term that is no number', { ...controller, 'sdm-epoch': 'x' }, 'headers.sdm-epoch'],
    ['a negative term', { ...controller, 'sdm-epoch': '-1' }, 'headers.sdm-epoch'],
    ['a term with a fraction', { ...controller, 'sdm-epoch': '1.5' }, 'headers.sdm-epoch'],
    ['a term of 2^63', { ...controller, 'sdm-epoch': String(1n << 63n) }, 'headers.sdm-epoch'],
    ['a term of 64 bits', { ...controller, 'sdm-epoch': '0xffffffffffffffff' }, 'sdm-epoch'],
  ];
  it.each(callers)('%s is refused by every command', async (_name, headers, where) => {
    for (const [method, url, body] of COMMANDS) {
      const answer = await ask(method, url, body, headers);
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({ code: 'SDM_INPUT' });
      expect(answer.body['message']).toContain(where);
      expect(answer.body['message']).toContain('expected');
    }
    expect(core.commands).toEqual([]);
  });

  it('an event to resume after that no event can be', async () => {
    const answer = await ask('GET', '/v1/events', undefined, { 'last-event-id': 'x' });
    expect(answer.body).toMatchObject({
      code: 'SDM_INPUT',
      message: expect.stringContaining('headers.last-event-id'),
    });
  });

  const raw: [string, string, string, ErrorCode][] = [
    ['what is not JSON', 'application/json', '{"size":', 'SDM_INPUT'],
    ['an empty JSON body', 'application/json', '', 'SDM_INPUT'],
    ['a prototype', 'application/json', '{"size":"0x1","__proto__":{"a":1}}', 'SDM_INPUT'],
    ['another content type', 'text/plain', '{"size":"0x1000"}', 'SDM_MEDIA_TYPE'],
    [
      '10 MB',
      'application/json',
      JSON.stringify({ size: 'x'.repeat(10_000_000) }),
      'SDM_TOO_LARGE',
    ],
  ];
  it.each(raw)('%s', async (_name, type, payload, code) => {
    const answer = await server.app.inject({
      method: 'POST',
      url: '/v1/attachments',
      headers: { 'content-type': type },
      payload,
    });
    checker.check('POST', '/v1/attachments', answer.statusCode, answer.json());
    expect(answer.statusCode).toBe(ERRORS[code].status);
    expect(answer.json()).toMatchObject({ code });
    expect(core.commands).toEqual([]);
  });

  it.each([
    ['{"size": ', /^the body is not JSON: .* \(line 1 column 10\)$/],
    ['{"size": "0x1",\n 1}', /^the body is not JSON: .*\(line 2 column 2\)$/],
    ['{"size":"0x1","__proto__":{"a":1}}', /^body\.__proto__: expected one of the keys /],
    ['{"size":"0x1","memport":512}', /^body\.memport: expected a whole number from 0 to 511, /],
  ])('says of %s what is wrong', async (payload, message) => {
    const headers = { 'content-type': 'application/json' };
    const url = '/v1/attachments';
    const answer = await server.app.inject({ method: 'POST', url, headers, payload });
    expect(answer.json<{ message: string }>().message).toMatch(message);
    expect(core.commands).toEqual([]);
  });

  it.each([
    ['GET', '/'],
    ['GET', '/v1/nothing'],
    ['PATCH', '/v1/memports/1'],
    ['POST', '/v1/memports'],
    ['DELETE', '/v1/attachments'],
    ['GET', '/v1/attachments/a/b'],
  ] as const)('no such route: %s %s', async (method, url) => {
    const answer = await server.app.inject({ method, url });
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toMatchObject({
      code: 'SDM_NOT_FOUND',
      message: expect.stringContaining(`${method} ${url}`),
    });
  });
});

describe('answers', () => {
  it.each(SUCCESSES)('%s %s keeps to the document', async (method, url, body, status) => {
    expect((await ask(method, url, body)).status).toBe(status);
  });

  it('hands commands on with numbers for strings', async () => {
    await ask('POST', '/v1/attachments', {
      id: 'a1',
      mode: 'device',
      size: SIZE,
      node: 2,
      shared: true,
      remote: '0x20000000',
      start: '0x8020000000',
      memport: 31,
      retain: false,
      outId: '0xffffffffffffffff',
      inId: '0x2',
    });
    await ask('POST', '/v1/attachments', { size: '0x1' });
    await ask('DELETE', '/v1/attachments/a1?retain=true&offlineTimeoutMs=5&override=false');
    await ask('PUT', '/v1/memports/3?override=true', { ...MEMPORT, outId: '0x1' });
    await ask('DELETE', '/v1/memports/3');
    await ask('POST', '/v1/transceivers/1/reset');
    expect(core.commands).toEqual([
      [
        'attach',
        {
          id: 'a1',
          mode: 'device',
          size: 0x10000000n,
          node: 2,
          shared: true,
          remote: 0x20000000n,
          start: 0x8020000000n,
          memport: 31,
          retain: false,
          outId: 0xffffffffffffffffn,
          inId: 2n,
        },
        LOCAL,
      ],
      ['attach', { mode: 'system-ram', size: 1n }, LOCAL],
      ['detach', 'a1', { retain: true, offlineTimeoutMs: 5, override: false }, LOCAL],
      [
        'setMemport',
        3,
        { start: 0x8010000000n, size: 0x10000000n, remote: 0x10000000n, outId: 1n },
        { override: true },
        LOCAL,
      ],
      ['clearMemport', 3, {}, LOCAL],
      ['resetTransceiver', 1, LOCAL],
    ]);
  });

  it.each([
    ['7', 7n],
    ['0', 0n],
    ['0x1F', 31n],
    ['9223372036854775807', (1n << 63n) - 1n],
    ['0x7fffffffffffffff', (1n << 63n) - 1n],
  ])('hands every command of a controller on in its name, term %s', async (text, epoch) => {
    for (const [method, url, body] of COMMANDS) {
      await ask(method, url, body, { 'sdm-controller': 'rack-a', 'sdm-epoch': text });
    }
    expect(core.commands.map((args) => args.at(-1))).toEqual(
      COMMANDS.map(() => ({ owner: 'rack-a', epoch })),
    );
  });

  it('gives 64-bit values as strings, to the bit', async () => {
    const { body } = await ask('GET', '/v1/attachments/a1');
    expect(body).toMatchObject({ inId: '0xffffffffffffffff', end: '0x801fffffff' });
  });
});

describe('failures', () => {
  it.each(Object.keys(ERRORS) as ErrorCode[])('%s has its status and one form', async (code) => {
    for (const [method, url, body] of SUCCESSES) {
      if (UNFAILING.includes(url)) continue;
      core.refuse(code);
      const answer = await ask(method, url, body);
      expect(answer.status).toBe(ERRORS[code].status);
      expect(answer.body).toEqual({
        code,
        message: `refused with ${code}`,
        details: { at: '0x1000' },
      });
    }
  });

  it("keeps a defect's text in the log", async () => {
    core.failure = new TypeError('secret is not a function');
    const { status, body } = await ask('GET', '/v1/memports');
    expect(status).toBe(500);
    expect(body).toMatchObject({ code: 'SDM_INTERNAL' });
    expect(JSON.stringify(body)).not.toContain('secret');
  });

  it("takes the addon's errors for what they are", async () => {
    core.failure = Object.assign(new Error('write: EBUSY'), {
      code: 'SDM_SYSTEM',
      errno: 16,
      errnoName: 'EBUSY',
    });
    const { body } = await ask('POST', '/v1/attachments', { size: SIZE });
    const known = Object.hasOwn(ERRORS, 'SDM_SYSTEM');
    expect(body).toMatchObject(
      known
        ? { code: 'SDM_SYSTEM', details: { errno: 16, errnoName: 'EBUSY' } }
        : { code: 'SDM_INTERNAL' },
    );
  });
});

describe('the document', () => {
  it('has no operation that the tests above did not see', () => {
    const failing = /[45]XX$/;
    const missed = checker.operations.filter((operation) => !checker.seen.has(operation));
    // events.test.ts has the failures of the stream
    const fine = [...UNFAILING, '/v1/events 5XX'];
    expect(
      missed.filter((name) => !failing.test(name) || !fine.some((path) => name.includes(path))),
    ).toEqual([]);
  });
});

describe('while stopping', () => {
  it('refuses commands and still answers questions', async () => {
    const other = await createServer(
      { brick: 'b1', agent: core, probe: async () => probeThroughAgent(core, { node: 1 }) },
      createLog('test', 'silent'),
    );
    other.drain();
    const refused = await other.app.inject({
      method: 'POST',
      url: '/v1/attachments',
      payload: { size: SIZE },
    });
    expect([refused.statusCode, refused.json().code]).toEqual([503, 'SDM_STOPPING']);
    expect((await other.app.inject('/v1/attachments')).statusCode).toBe(200);
    expect(core.commands).toEqual([]);
    await other.app.close();
  });
});
