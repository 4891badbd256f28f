import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Agent } from '../../../src/agent/agent.js';
import { createServer, type Server } from '../../../src/agent/api/server.js';
import { createLog } from '../../../src/common/log.js';
import { OpenApiChecker } from '../../support/openapi.js';
import { DOCUMENT_EXAMPLE, DOCUMENT_REMOVE } from '../../abi/d44/example.js';
import { makeZynq, type ZynqBrick } from './brick.js';

const TYPES = [
  undefined,
  'application/json',
  'text/plain; charset=utf-8',
  'application/x-www-form-urlencoded', // what curl -d says
] as const;

let brick: ZynqBrick;
let agent: Agent;
let server: Server;

beforeEach(async () => {
  brick = makeZynq({ checks: { alignment: false, remoteOverlap: false } });
  agent = await brick.open();
  const probe = () => Promise.reject(new Error('not here'));
  const log = createLog('test', 'silent');
  server = await createServer({ brick: 'test', agent, probe, addresses: ['127.0.0.1'] }, log);
});
afterEach(async () => {
  await server.app.close();
  await agent.close();
  brick.remove();
});

async function post(payload: string | undefined, headers: Record<string, string> = {}) {
  const answer = await server.app.inject({
    method: 'POST',
    url: '/RemoteMemory',
    headers,
    ...(payload === undefined ? {} : { payload }),
  });
  const checker = new OpenApiChecker((await server.app.inject('/openapi.json')).json());
  const body = answer.json() as Record<string, unknown>;
  checker.check('POST', '/RemoteMemory', answer.statusCode, body);
  return { status: answer.statusCode, body };
}

describe('what is no command', () => {
  test.each<[string, string | undefined, number, string, RegExp]>([
    [
      'nothing',
      undefined,
      400,
      'SDM_INPUT',
      /^body: expected D4.4's command, as JSON or as Python prints it, found null$/,
    ],
    ['no text', '', 400, 'SDM_INPUT', /expected/],
    [
      'neither JSON nor Python',
      'Add all',
      400,
      'SDM_INPUT',
      /^line 1, column 1: expected a value, found "Add"$/,
    ],
    [
      'another object',
      '{"size": "0x1000"}',
      400,
      'SDM_INPUT',
      /one of the keys action, segments, cIP, found "size"/,
    ],
    [
      'a number that JSON readers round',
      '{"action":"Add","segments":[{"startA":9007199254740993,"endA":9007199254740994,"offset":0,"net":0}]}',
      400,
      'SDM_INPUT',
      /^segments\[0\].startA: .*found 9007199254740993$/,
    ],
    ['10 MB', `"${'x'.repeat(10_000_000)}"`, 413, 'SDM_TOO_LARGE', /longer than/],
  ])('%s', async (_, payload, status, code, message) => {
    const answer = await post(payload);
    expect(answer).toMatchObject({
      status,
      body: { code, message: expect.stringMatching(message) },
    });
  });

  test('for another brick', async () => {
    const answer = await post(DOCUMENT_EXAMPLE.replace('127.0.0.1', '10.1.2.3'));
    expect(answer).toMatchObject({ status: 403, body: { code: 'SDM_OTHER_BRICK' } });
    expect(brick.set()).toEqual([]);
  });

  test('a header of a controller without the other one', async () => {
    const answer = await post(DOCUMENT_EXAMPLE, { 'sdm-controller': 'c1' });
    expect(answer).toMatchObject({ status: 400, body: { code: 'SDM_INPUT' } });
    expect(brick.set()).toEqual([]);
  });
});

describe("the document's command", () => {
  test.each(TYPES)('with content type %s', async (type) => {
    const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
    const added = await post(DOCUMENT_EXAMPLE, headers);
    expect(added).toMatchObject({ status: 200, body: { status: 0, message: 'All good' } });
    expect(added.body['attachments']).toHaveLength(4);
    expect(brick.set().length).toBe(4);
    const removed = await post(DOCUMENT_REMOVE, headers);
    expect(removed).toMatchObject({ status: 200, body: { status: 0, message: 'All good' } });
    expect(brick.set()).toEqual([]);
  });

  test('of a controller is its own', async () => {
    await post(DOCUMENT_EXAMPLE, { 'sdm-controller': 'c1', 'sdm-epoch': '5' });
    expect(agent.listAttachments().map(({ owner }) => owner)).toEqual(['c1', 'c1', 'c1', 'c1']);
    expect(await post(DOCUMENT_REMOVE)).toMatchObject({
      status: 403,
      body: { code: 'SDM_NOT_OWNER' },
    });
    const stale = await post(DOCUMENT_REMOVE, { 'sdm-controller': 'c0', 'sdm-epoch': '4' });
    expect(stale).toMatchObject({ status: 409, body: { code: 'SDM_STALE_EPOCH' } });
    expect(brick.set().length).toBe(4);
  });

  test('other routes go on to take JSON alone', async () => {
    const answer = await server.app.inject({
      method: 'POST',
      url: '/v1/attachments',
      headers: { 'content-type': 'text/plain' },
      payload: '{"size": "0x10000000"}',
    });
    expect(answer.statusCode).toBe(415);
  });
});
