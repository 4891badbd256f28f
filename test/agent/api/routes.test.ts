import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createServer, type Server } from '../../../src/agent/api/server.js';
import { probeThroughAgent } from '../../../src/agent/probe/collect.js';
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
  server = await createServer({ brick: 'b1', agent: core, probe }, createLog('test', 'silent'));
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
async function ask(method: Method, url: string, payload?: unknown) {
  const answer = await server.app.inject({
    method,
    url,
    ...(payload === undefined ? {} : { payload: payload as object }),
  });
  checker.check(method, url, answer.statusCode, answer.json());
  return { status: answer.statusCode, body: answer.json() as Record<string, never> };
}

const SIZE = '0x10000000';
const MEMPORT = { start: '0x8010000000', size: SIZE, remote: '0x10000000' };

const SUCCESSES: [Method, string, unknown, number][] = [
  ['GET', '/v1/brick', undefined, 200],
  ['GET', '/v1/memory', undefined, 200],
  ['GET', '/healthz', undefined, 200],
  ['GET', '/openapi.json', undefined, 200],
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
];

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
          retain: false,
          outId: 0xffffffffffffffffn,
          inId: 2n,
        },
      ],
      ['attach', { mode: 'system-ram', size: 1n }],
      ['detach', 'a1', { retain: true, offlineTimeoutMs: 5, override: false }],
      [
        'setMemport',
        3,
        { start: 0x8010000000n, size: 0x10000000n, remote: 0x10000000n, outId: 1n },
        { override: true },
      ],
      ['clearMemport', 3, {}],
      ['resetTransceiver', 1],
    ]);
  });

  it('gives 64-bit values as strings, to the bit', async () => {
    const { body } = await ask('GET', '/v1/attachments/a1');
    expect(body).toMatchObject({ inId: '0xffffffffffffffff', end: '0x801fffffff' });
  });
});

describe('failures', () => {
  it.each(Object.keys(ERRORS) as ErrorCode[])('%s has its status and one form', async (code) => {
    for (const [method, url, body] of SUCCESSES) {
      if (url === '/healthz' || url === '/openapi.json') continue;
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
    // these two cannot fail but by a defect
    const fine = ['/healthz', '/openapi.json'];
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
