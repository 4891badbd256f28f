import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sdmAgent } from '../../support/agent.js';
import { parseMetrics } from '../../support/prometheus.js';
import { memoryDir } from '../../support/scratch.js';
import { stream } from '../../../src/common/http.js';
import { LenderConfigFile } from '../../../src/agent/lender/config-schema.js';
import { SEGMENT_STATES } from '../../../src/agent/lender/types.js';
import { makeMemoryBrick, MIB, range, type MemoryBrick } from './process.js';

const directory = memoryDir('lender-api');
const doc = readFileSync(resolve(import.meta.dirname, '../../../docs/lender.md'), 'utf8');
let brick: MemoryBrick;

beforeAll(async () => {
  brick = makeMemoryBrick(directory, { log: 'info' });
  await brick.start();
});
afterAll(() => brick.stop());

const put = (id: string, body: unknown, headers: Record<string, string> = {}) =>
  brick.ask({ method: 'PUT', path: `/v1/grants/${id}`, body, headers });

async function text(path: string): Promise<string> {
  let all = '';
  for await (const part of stream({ socketPath: brick.socket, path })) all += part;
  return all;
}

describe('the API', () => {
  test.each([
    [{}, 'ranges'],
    [{ ranges: [] }, 'ranges'],
    [{ ranges: [range(0, 1)], range: [] }, 'range'],
    [{ ranges: [{ start: 4096, size: '0x1' }] }, 'ranges[0].start'],
    [{ ranges: [range(0, 1)], shared: 'yes' }, 'shared'],
    [{ ranges: [range(0, 1)], region: '/' }, 'region'],
  ])('refuses %j, and names what is wrong', async (body, key) => {
    expect(await put('x', body)).toMatchObject({
      status: 400,
      body: { code: 'SDM_INPUT', details: { key: `body.${key}` } },
    });
  });

  test('grants, shows, and scrubs with a proof', async () => {
    const headers = { 'sdm-controller': 'rack', 'sdm-epoch': '0x3' };
    const body = { ranges: [range(1, 2)], borrower: '0.0.1' };
    expect(await put('p1-1', body, headers)).toMatchObject({
      status: 201,
      body: { id: 'p1-1', ...body, shared: false, region: 'p1-1', owner: 'rack' },
    });
    expect((await put('p1-1', body, headers)).status).toBe(200);
    expect(await put('p1-2', body, headers)).toMatchObject({
      status: 409,
      body: { code: 'SDM_RANGE_TAKEN', details: { grant: 'p1-1' } },
    });
    const stale = { ...headers, 'sdm-epoch': '2' };
    expect(await put('p1-2', { ranges: [range(4, 1)] }, stale)).toMatchObject({
      status: 409,
      body: { code: 'SDM_STALE_EPOCH' },
    });
    expect(await brick.ask({ path: '/v1/lender' })).toMatchObject({
      status: 200,
      body: {
        brick: '0.0.8',
        counts: { granted: 2, clean: 6 },
        segments: [
          { first: 0, count: 1, state: 'clean' },
          { first: 1, count: 2, ...range(1, 2), state: 'granted', grants: ['p1-1'] },
          { first: 3, count: 5, state: 'clean' },
        ],
      },
    });
    const path = '/v1/grants/p1-1';
    expect(await brick.ask({ path })).toMatchObject({ status: 200, body: { state: 'granted' } });
    expect(await brick.ask({ method: 'DELETE', path, headers })).toMatchObject({
      status: 200,
      body: {
        id: 'p1-1',
        scrubbed: range(1, 2).size,
        proof: { method: 'punch', holes: true, zeroes: true },
      },
    });
    expect((await brick.ask({ path })).status).toBe(404);
  });

  test('tells events, health and metrics', async () => {
    await put('e1', { ranges: [range(0, 1)] });
    await brick.ask({ method: 'DELETE', path: '/v1/grants/e1' });
    const { body, status } = await brick.ask({ path: '/healthz' });
    expect({ body, status }).toMatchObject({ status: 200, body: { brick: '0.0.8', problems: [] } });
    const events = await text('/v1/events?follow=false');
    expect(events).toMatch(/"kind":"granted","id":"e1"[^]*"kind":"dropped"[^]*"kind":"scrubbed"/);
    const { stdout } = await brick.run('events');
    expect(stdout).toMatch(/ e1 was granted to nobody in particular by local\n/);
    expect(stdout).toMatch(/ 2 MiB at 0x400000 are zero \(punch, [0-9.]+ ms\)\n/);
    const metrics = parseMetrics(await text('/metrics'));
    const named = [...metrics.keys()].filter((name) => name.startsWith('sdm_lender_'));
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !doc.includes(`| \`${name}`))).toEqual([]);
    const segments = metrics.get('sdm_lender_segments')?.samples;
    expect(segments?.find(({ labels }) => labels['state'] === 'clean')?.value).toBe(8);
  });

  test('documents every route, state and key', async () => {
    const { body } = await brick.ask({ path: '/openapi.json' });
    const { paths } = body as { paths: Record<string, object> };
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(routes).toContain('PUT /v1/grants/{id}');
    expect(routes.filter((route) => !doc.includes(`\`${route}\``))).toEqual([]);
    expect(SEGMENT_STATES.filter((state) => !doc.includes(`| \`${state}\` |`))).toEqual([]);
    const keys = Object.keys(LenderConfigFile.properties).filter((key) => key !== '$schema');
    expect(keys.filter((key) => !doc.includes(`| \`${key}\` |`))).toEqual([]);
  });
});

describe('sdm-agent', () => {
  test('shows what is lent, and ends it', async () => {
    await put('c1', { ranges: [range(0, 2), range(6, 1)], borrower: '0.0.2' });
    const shown = await brick.run('lender', 'show');
    expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining('3 granted') });
    expect((await brick.run('lender', 'grants')).stdout).toMatch(/c1 +granted +6 MiB .*0\.0\.2/);
    expect(JSON.parse((await brick.run('lender', 'grants', '--json')).stdout)).toMatchObject([
      { id: 'c1' },
    ]);
    expect((await brick.run('lender', 'drop', 'c1', '--retain')).stdout).toContain(
      '6 MiB retained',
    );
    expect((await brick.run('lender', 'show')).stdout).toMatch(
      /0-1 +0x400000 +4 MiB +retained +c1/,
    );
    expect((await brick.run('lender', 'scrub', '--region', 'c1')).stdout).toContain(
      '6 MiB scrubbed',
    );
    expect(await brick.run('lender', 'scrub', '--unknown')).toMatchObject({
      code: 0,
      stdout: 'there is nothing unknown\n',
    });
    expect((await brick.run('lender', 'scrub')).code).toBe(2);
    expect((await brick.run('lender', 'drop', 'c1')).code).toBe(0); // as before
    expect(await brick.run('lender', 'drop', 'none')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('SDM_NOT_FOUND'),
    });
  });

  test('shows the journal of a lender as what it is', async () => {
    const stateDir = join(brick.dir, 'state');
    const shown = await brick.run('journal', 'show', '--state-dir', stateDir);
    expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining('2 MiB at 0x400000') });
    const { stdout } = await brick.run('journal', 'show', '--state-dir', stateDir, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ damage: null, state: { grants: [] } });
  });

  test('refuses a configuration that cannot be, and a second lender', async () => {
    const config = join(directory, 'bad.json');
    const value = JSON.parse(readFileSync(brick.config, 'utf8')) as object;
    const check = async (more: object) => {
      writeFileSync(config, JSON.stringify({ ...value, ...more }));
      return sdmAgent(['config', 'check', config]);
    };
    expect(await check({})).toMatchObject({ code: 0 });
    for (const [more, key] of [
      [{ size: '0x1000' }, 'size'],
      [{ segmentSize: '0x30000' }, 'segmentSize'],
      [{ base: '0x1' }, 'base'],
      [{ sise: '0x1' }, 'sise'],
      [{ pool: {} }, 'pool.path'],
      [{ listen: { address: 'http://0.0.0.0:1' } }, 'listen.address'],
    ] as const) {
      expect(await check(more)).toMatchObject({ code: 1, stderr: expect.stringContaining(key) });
    }
    await check({ socket: join(directory, 'o.sock'), stateDir: join(directory, 'o') });
    expect(await sdmAgent(['serve', '--config', config])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('SDM_LOCKED'),
    });
    await check({ base: `0x${(64n * MIB).toString(16)}` });
    expect(await sdmAgent(['serve', '--config', config])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/SDM_CONFIG.*pool\.path/),
    });
  });
});
