import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchange as rawExchange } from './raw.js';
import { OpenApiChecker } from '../../support/openapi.js';
import { scratchDir } from '../../support/scratch.js';
import { makePlace, startController, type Method, type Running } from './start.js';
import { smallTopology } from './topology.js';

const dir = scratchDir('controller-routes');
let controller: Running;
let checker: OpenApiChecker;

beforeAll(async () => {
  controller = await startController(makePlace(join(dir, 'c'), smallTopology()));
  checker = new OpenApiChecker((await controller.ask('GET', '/openapi.json')).body);
});
afterAll(() => controller?.stop());

type Body = Record<string, never>;

/** Asks, holds the answer against the document, gives it. */
async function ask(method: Method, path: string, body?: unknown, headers = {}) {
  const raw = await rawExchange(controller.client.address, method, path, body, headers);
  const type = raw.type.split(';')[0]!;
  const read = READERS[type] ?? ((text: string) => text);
  const value: unknown = read(raw.text);
  checker.check(method, path, raw.status, value, type);
  return { status: raw.status, body: value as Body };
}

const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  'application/json': (text) => JSON.parse(text),
  // the schema is that of one event's data
  'text/event-stream': (text) => {
    const all = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!) as Body);
    for (const each of all.slice(1)) {
      checker.check('GET', '/v1/events', 200, each, 'text/event-stream');
    }
    return all[0];
  },
};

describe('platforms', () => {
  it('are listed page by page, and counted', async () => {
    const ids: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      const { body } = await ask('POST', '/v1/platforms', { cores: 1, localMemory: '1MiB' });
      ids.push((body as unknown as { id: number }).id);
    }
    const listed: number[][] = [];
    for (let after: number | undefined = 0; after !== undefined;) {
      const { body } = await ask('GET', `/v1/platforms?after=${after}&limit=2`);
      const page = body as unknown as { platforms: { id: number }[]; next?: number };
      listed.push(page.platforms.map(({ id }) => id));
      after = page.next;
    }
    expect(listed).toEqual([ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)]);
    const all = (await ask('GET', '/v1/platforms?limit=5')).body;
    expect([Object.keys(all), (all['platforms'] as unknown as unknown[]).length]).toEqual([
      ['platforms'],
      5,
    ]);
    for (const query of ['limit=0', 'limit=1001', 'after=-1', 'page=1']) {
      expect((await ask('GET', `/v1/platforms?${query}`)).status).toBe(400);
    }
    const metrics = async (): Promise<string> => String((await ask('GET', '/metrics')).body);
    expect(await metrics()).toContain('sdm_platforms{state="active"} 5');
    for (const id of ids) await ask('DELETE', `/v1/platforms/${id}`);
    expect(await metrics()).toContain('sdm_platforms{state="active"} 0');
  });

  it('are made, grown, shrunk and released', async () => {
    const created = await ask('POST', '/v1/platforms', {
      ...{ cores: 2, localMemory: '1GiB', remoteMemory: '300MiB', pathUtil: 10, name: 'web' },
      leaseTtlMs: 3_600_000,
    });
    expect(created).toMatchObject({
      status: 201,
      body: {
        ...{ state: 'active', brick: '0.0.0', cores: 2, name: 'web', pathUtil: 10, ip: '10.0.0.1' },
        ...{ localMemory: '0x40000000', remoteMemory: '0x20000000', owner: 'local' },
      },
    });
    const { id, lease } = created.body as unknown as { id: number; lease: { id: string } };
    expect(await ask('GET', `/v1/platforms/${id}`)).toEqual({ status: 200, body: created.body });
    expect((await ask('GET', '/v1/platforms')).body).toEqual({ platforms: [created.body] });
    expect(await ask('POST', `/v1/leases/${lease.id}/keepalive`)).toEqual({
      status: 200,
      body: { id: lease.id, kept: true },
    });

    const grow = { size: '0x10000000', migrateOK: true };
    const grown = await ask('POST', `/v1/platforms/${id}/memory`, grow);
    expect(grown).toMatchObject({ status: 200, body: { domigrate: false } });
    expect(grown.body).toMatchObject({ platform: { remoteMemory: '0x30000000' } });
    const [attachment] = (grown.body as unknown as { attached: string[] }).attached;
    const used = await ask('GET', '/v1/switches/dbesm-0-0');
    expect(JSON.stringify(used.body)).toContain(attachment);

    const path = `/v1/platforms/${id}/memory?attachment=${attachment}`;
    const shrunk = await ask('DELETE', path);
    expect(shrunk.body).toMatchObject({ detached: [attachment], freed: '0x10000000' });
    const rest = await ask('DELETE', `/v1/platforms/${id}/memory`);
    expect(rest.body).toMatchObject({ platform: { remoteMemory: '0x0', attachments: [] } });

    expect(await ask('DELETE', `/v1/platforms/${id}`)).toEqual({
      status: 200,
      body: { id, state: 'released' },
    });
    expect((await ask('GET', `/v1/platforms/${id}`)).body).toMatchObject({
      code: 'SDM_NOT_FOUND',
      details: { platform: id },
    });
    expect((await ask('GET', '/v1/totals')).body).toMatchObject({
      ...{ cores: 16, coresFree: 16, segments: 32, segmentsFree: 32, platforms: 0 },
    });
  });

  it('are planned and explained, and nothing is changed', async () => {
    const before = (await ask('GET', '/v1/totals')).body;
    const request = { cores: 2, memory: '5GiB', pathUtil: 5 };
    const plan = await ask('POST', '/v1/plan', request);
    expect(plan.body).toMatchObject({
      ...{ cores: 2, localMemory: '0x100000000', remoteMemory: '0x40000000' },
      switches: { dBOXSwitchesConfigs: [{ switchId: 'dbesm-0-0' }] },
    });
    const fits = await ask('POST', '/v1/explain', request);
    expect(fits.body).toEqual({ fits: true, plan: plan.body });

    const much = { cores: 2, remoteMemory: '1TiB' };
    const refused = await ask('POST', '/v1/plan', much);
    expect(refused).toMatchObject({ status: 507, body: { code: 'SDM_NO_SEGMENTS' } });
    const why = await ask('POST', '/v1/explain', much);
    expect(why.body).toMatchObject({
      fits: false,
      refusal: { resource: 'segments', asked: 4096, found: 32 },
    });
    const { nearest } = (why.body as unknown as { refusal: { nearest: object } }).refusal;
    expect((await ask('POST', '/v1/explain', nearest)).body).toMatchObject({ fits: true });
    expect((await ask('GET', '/v1/totals')).body).toEqual(before);
  });

  it.each([
    ['POST', '/v1/platforms', { cores: 0 }, 'body.cores: expected a whole number from 1 to 65535'],
    ['POST', '/v1/platforms', {}, 'body.cores: expected a value, found nothing'],
    ['POST', '/v1/platforms', { cores: 1, memroy: '1G' }, 'is "memory" meant?'],
    ['POST', '/v1/platforms', { cores: 1, memory: '1G', localMemory: '1G' }, 'body.localMemory:'],
    ['POST', '/v1/platforms', { cores: 1, memory: '99999999999999999G' }, 'body.memory'],
    ['POST', '/v1/platforms', { cores: 1, memory: 1 }, 'body.memory: expected a size such as'],
    ['POST', '/v1/platforms', { cores: 1, policy: 'nonesuch' }, 'nonesuch'],
    ['POST', '/v1/platforms', { cores: 1, brick: '0.0.99' }, 'body.brick'],
    ['POST', '/v1/platforms', [], 'body: expected a value of type object'],
    ['POST', '/v1/platforms/1/memory', {}, 'body.size: expected a value'],
    ['DELETE', '/v1/platforms/1/memory?size=1G&attachment=p1-0', undefined, 'query.attachment:'],
    ['GET', '/v1/platforms/0', undefined, 'path.id: expected a whole number from 1 to'],
    ['GET', '/v1/platforms/1e400', undefined, 'path.id'],
    ['POST', '/v1/plan', { size: '1G' }, 'body.size: expected platform beside it'],
    ['POST', '/v1/plan', { platform: 1 }, 'body.size: expected a value beside platform'],
    ['POST', '/v1/plan', { platform: 1, size: '1G', cores: 1 }, 'body.cores: expected nothing'],
  ] as const)('%s %s %j is SDM_INPUT', async (method, path, body, message) => {
    const answer = await ask(method, path, body);
    expect(answer).toMatchObject({ status: 400, body: { code: 'SDM_INPUT' } });
    expect(answer.body.message).toContain(message);
  });

  it.each([
    ['DELETE', '/v1/platforms/999'],
    ['POST', '/v1/platforms/999/memory', { size: '1G' }],
    ['DELETE', '/v1/platforms/999/memory'],
    ['POST', '/v1/plan', { platform: 999, size: '1G' }],
    ['POST', '/v1/explain', { platform: 999, size: '1G' }],
    ['POST', '/v1/leases/nonesuch/keepalive'],
    ['GET', '/v1/bricks/7.7.7'],
    ['POST', '/v1/bricks/7.7.7/drain'],
    ['POST', '/v1/bricks/7.7.7/undrain'],
    ['POST', '/v1/bricks/7.7.7/fence', { confirmed: true }],
    ['GET', '/v1/switches/nonesuch'],
    ['POST', '/v1/trays/9.9.9/events', { events: [{ kind: 'brick.on' }] }],
  ] as const)('%s %s: there is none', async (method, path, body?: object) => {
    expect(await ask(method, path, body)).toMatchObject({
      status: 404,
      body: { code: 'SDM_NOT_FOUND' },
    });
  });
});

describe('the rack', () => {
  it('shows bricks, switches, trays and drift', async () => {
    const { bricks } = (await ask('GET', '/v1/bricks')).body as unknown as { bricks: Body[] };
    expect(bricks.map(({ id }) => id)).toEqual(['0.0.0', '0.0.1', '0.0.8', '0.0.9']);
    expect((await ask('GET', '/v1/bricks/0.0.8')).body).toEqual(bricks[2]);
    expect((await ask('GET', '/v1/switches')).body).toMatchObject({
      switches: [{ id: 'dbesm-0-0', kind: 'electrical', ports: 32, connections: [] }],
    });
    expect((await ask('GET', '/v1/drift')).body).toMatchObject({ items: [] });
    expect((await ask('GET', '/v1/trays')).body).toEqual({ trays: [] });
  });

  it('drains a brick, so that nothing new goes there', async () => {
    const drained = await ask('POST', '/v1/bricks/0.0.0/drain');
    expect(drained.body).toMatchObject({ id: '0.0.0', drained: true });
    const elsewhere = await ask('POST', '/v1/platforms', { cores: 1 });
    expect(elsewhere.body).toMatchObject({ brick: '0.0.1' });
    const here = await ask('POST', '/v1/platforms', { cores: 1, brick: '0.0.0' });
    expect(here.status).toBe(507);
    const undrained = await ask('POST', '/v1/bricks/0.0.0/undrain');
    expect(undrained.body).toMatchObject({ id: '0.0.0', drained: false });
    await ask('DELETE', `/v1/platforms/${elsewhere.body.id}`);
  });

  it('is drawn', async () => {
    expect((await ask('GET', '/v1/topology')).body).toMatchObject({ version: 1, rack: 'r0' });
    expect(String((await ask('GET', '/v1/topology?format=dot')).body)).toMatch(/^graph "r0" \{/);
    expect(String((await ask('GET', '/v1/topology?format=gexf')).body)).toMatch(/^<\?xml.*<gexf/s);
    expect((await ask('GET', '/v1/topology?format=png')).status).toBe(400);
  });

  it('learns of trays', async () => {
    const tray = {
      ...{ id: '0.0.0', role: 'tray', rack: 0, box: 0, tray: 0, address: 'http://127.0.0.1:7001' },
      ...{ emulated: true, run: 'ab', bricks: [{ id: '0.0.0', type: 'compute', plugged: true }] },
      switches: [],
    };
    expect(await ask('POST', '/v1/trays', tray)).toMatchObject({
      status: 200,
      body: { id: '0.0.0', address: 'http://127.0.0.1:7001' },
    });
    const events = { run: 'ab', events: [{ seq: 1, kind: 'brick.unplugged', brick: '0.0.0' }] };
    expect((await ask('POST', '/v1/trays/0.0.0/events', events)).body).toEqual({ accepted: 1 });
    expect((await ask('GET', '/v1/trays')).body).toMatchObject({ trays: [{ id: '0.0.0' }] });
    const bad = { ...tray, address: 'http://example.org' };
    expect((await ask('POST', '/v1/trays', bad)).status).toBe(400);
  });
});

describe('the controller', () => {
  it('says how it is, and copies its store', async () => {
    const { pid } = controller;
    const health = await ask('GET', '/healthz');
    expect(health.body).toMatchObject({ status: 'ok', controller: 'rack', epoch: '0x1', pid });
    expect(String((await ask('GET', '/metrics')).body)).toContain('sdm_segments{state="free"} 32');
    const path = join(dir, 'backup.db');
    expect((await ask('POST', '/v1/backup', { path })).body).toEqual({ path });
    expect(existsSync(path)).toBe(true);
    expect((await ask('POST', '/v1/backup', { path: 'relative' })).status).toBe(400);
  });

  it('tells what happened, each kind as the document says', async () => {
    const events = await ask('GET', '/v1/events?follow=false');
    expect(events.body).toMatchObject({ kind: 'epoch', epoch: '0x1' });
    expect((await ask('GET', '/v1/events?after=nonsense')).status).toBe(400);
  });

  it('knows no other route', async () => {
    const answer = await rawExchange(controller.client.address, 'GET', '/v2/platforms');
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'SDM_NOT_FOUND' });
  });
});
