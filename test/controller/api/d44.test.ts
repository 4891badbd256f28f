import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { OpenApiChecker } from '../../support/openapi.js';
import { scratchDir } from '../../support/scratch.js';
import { exchange } from './raw.js';
import { makePlace, startController, type Running } from './start.js';
import { smallTopology } from './topology.js';

const dir = scratchDir('controller-d44');
let controller: Running;
let checker: OpenApiChecker;

beforeAll(async () => {
  const topology = smallTopology({ memports: 2, capacity: 150 });
  controller = await startController(makePlace(join(dir, 'c'), topology));
  checker = new OpenApiChecker((await controller.ask('GET', '/openapi.json')).body);
});
afterAll(() => controller?.stop());
/** Every test leaves the rack empty, so that the next finds all of it. */
afterEach(async () => {
  const { platforms } = (await controller.ask('GET', '/v1/platforms')).body as {
    platforms: { id: number }[];
  };
  for (const { id } of platforms) await call('releasePlatform', { platformID: id });
});

type Form = 'POST' | 'bare' | 'form' | 'GET' | 'GET with a body';
const FORMS: readonly Form[] = ['POST', 'bare', 'form', 'GET', 'GET with a body'];

/** A method of D4.4, in one of the ways in which it may be called. */
async function call(name: string, values: Record<string, unknown> = {}, form: Form = 'POST') {
  const path = `/api/${name}`;
  const query = new URLSearchParams(
    Object.entries(values).map(([key, value]): [string, string] => [key, String(value)]),
  );
  const url = form === 'GET' ? `${path}?${query}` : path;
  const method = form.startsWith('GET') ? 'GET' : 'POST';
  const body =
    form === 'GET' ? undefined : form === 'form' ? String(query) : JSON.stringify(values);
  const type = form === 'form' ? 'application/x-www-form-urlencoded' : 'application/json';
  const headers = form === 'bare' ? { 'content-type': '*/*' } : { 'content-type': type };
  const { address } = controller.client;
  const answer = await exchange(address, method, url, body, form === 'GET' ? {} : headers);
  const parsed = JSON.parse(answer.text) as Record<string, never>;
  checker.check(method, url, answer.status, parsed);
  return { status: answer.status, body: parsed };
}

const GOOD = { Status: 0, StatusNo: 0, Message: 'All good' };
const bad = (message: string) => ({
  status: 200,
  body: { Status: 1, StatusNo: 1, Message: message, ErrorMessage: message },
});

describe.each(FORMS)('by %s', (form) => {
  it('a platform is made, grown, shrunk and released', async () => {
    const totals = await call('TotalResources', {}, form);
    expect(totals).toEqual({
      status: 200,
      body: {
        ...GOOD,
        ...{ TotalCores: 16, TotalMemory: 16_384, AvailableCores: 4, AvailableMemory: 16_384 },
      },
    });
    const made = await call('getPlatform', { cpus: 3, memory: 5000, pathUtil: 7 }, form);
    expect(made).toMatchObject({
      status: 200,
      body: { ...GOOD, computeBrickIP: '10.0.0.1', computebrickIP: '10.0.0.1' },
    });
    const platformID = made.body['PlatformID'];
    expect((await controller.ask('GET', `/v1/platforms/${platformID}`)).body).toMatchObject({
      ...{ cores: 3, pathUtil: 7, localMemory: '0x100000000', remoteMemory: '0x40000000' },
    });

    const grown = await call('allocateMemory', { platformID, memory: 100, migrateOK: 1 }, form);
    expect(grown.body).toEqual({
      ...GOOD,
      ...{ computeBrickIP: '10.0.0.1', computebrickIP: '10.0.0.1', domigrate: 0 },
    });
    expect((await call('freeMemory', { platformID, memory: 1 }, form)).body).toEqual(GOOD);
    const left = (await controller.ask('GET', `/v1/platforms/${platformID}`)).body;
    expect(left).toMatchObject({ remoteMemory: '0x40000000' });
    expect((await call('freeMemory', { platformID }, form)).body).toEqual(GOOD);
    expect((await call('releasePlatform', { platformID }, form)).body).toEqual(GOOD);
    expect(await call('releasePlatform', { platformID }, form)).toMatchObject(
      bad('Reservation Not Found'),
    );
    expect(await call('TotalResources', {}, form)).toEqual(totals);
  });
});

describe('what is refused', () => {
  it.each([
    ['getPlatform', { cpus: 5, memory: 0 }, 'Not Enough vCPUs', 'SDM_NO_CORES'],
    ['getPlatform', { cpus: 1, memory: 20_000 }, 'Not enough Memory', 'SDM_NO_SEGMENTS'],
    ['getPlatform', { cpus: 1, memory: 1, pathUtil: 101 }, 'pathutil exceeded', 'SDM_INPUT'],
    ['allocateMemory', { platformID: 9999, memory: 1 }, 'Reservation Not Found', 'SDM_NOT_FOUND'],
    ['freeMemory', { platformID: 9999 }, 'Reservation Not Found', 'SDM_NOT_FOUND'],
    ['releasePlatform', { platformID: 9999 }, 'Reservation Not Found', 'SDM_NOT_FOUND'],
  ])('%s %j: %s', async (name, values, message, code) => {
    expect(await call(name, values)).toMatchObject({ ...bad(message), body: { code } });
  });

  it('a growth beyond the memports, in the words of allocateMemory', async () => {
    const made = await call('getPlatform', { cpus: 1, memory: 0 });
    const platformID = made.body['PlatformID'];
    for (const _ of [1, 2]) {
      expect((await call('allocateMemory', { platformID, memory: 256 })).body.Status).toBe(0);
    }
    expect(await call('allocateMemory', { platformID, memory: 256 })).toMatchObject({
      ...bad('Resource Combo could not be achieved (maybe invoke pm?)'),
      body: { code: 'SDM_NO_MEMPORT' },
    });
  });

  it('paths that have no capacity left', async () => {
    const much = { cpus: 1, memory: 4096 + 256, pathUtil: 100 };
    expect((await call('getPlatform', much)).body.Status).toBe(0);
    expect(await call('getPlatform', much)).toMatchObject({
      ...bad('pathutil exceeded'),
      body: { code: 'SDM_NO_PATH', details: { resource: 'path' } },
    });
  });

  it.each([
    ['getPlatform', { memory: 1 }, 'cpus'],
    ['getPlatform', { cpus: 1, memory: 1, colour: 1 }, 'colour'],
    ['allocateMemory', { platformID: 1, memory: 0 }, 'memory'],
    ['allocateMemory', { platformID: 1, memory: 1, migrateOK: 2 }, 'migrateOK'],
    ['freeMemory', { platformID: -1 }, 'platformID'],
    ['TotalResources', { verbose: 1 }, 'verbose'],
  ])('%s %j cannot be read', async (name, values, key) => {
    const { status, body } = await call(name, values);
    expect(status).toBe(400);
    expect(body).toMatchObject({ Status: 1, StatusNo: 1, code: 'SDM_INPUT', details: { key } });
    expect(body['ErrorMessage']).toBe(body.Message);
  });

  it('an argument in query and body, a body that is no JSON, and a page of another site', async () => {
    const { address } = controller.client;
    const both = await exchange(address, 'POST', '/api/freeMemory?platformID=1', { platformID: 1 });
    expect(JSON.parse(both.text)).toMatchObject({ Status: 1, code: 'SDM_INPUT' });
    const torn = await exchange(address, 'POST', '/api/freeMemory', '{"platformID":');
    expect(JSON.parse(torn.text)).toMatchObject({ Status: 1, code: 'SDM_INPUT' });
    const site = { 'sec-fetch-site': 'cross-site' };
    const page = await exchange(address, 'GET', '/api/TotalResources', undefined, site);
    expect(page.status).toBe(403);
    expect(JSON.parse(page.text)).toMatchObject({ Status: 1, code: 'SDM_FORBIDDEN' });
  });

  it('HEAD of what would make a platform', async () => {
    const { address } = controller.client;
    const answer = await exchange(address, 'HEAD', '/api/getPlatform?cpus=1&memory=1');
    expect(answer.status).toBe(404);
    expect((await controller.ask('GET', '/v1/platforms')).body).toEqual({ platforms: [] });
  });
});
