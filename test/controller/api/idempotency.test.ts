import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FAULT_POINTS } from '../../../src/controller/faults.js';
import { scratchDir } from '../../support/scratch.js';
import { makePlace, startController, type Method, type Running } from './start.js';
import { smallTopology } from './topology.js';

const dir = scratchDir('controller-keys');
const running = new Set<Running>();
afterAll(() => Promise.all([...running].map((each) => each.stop('SIGKILL'))));

const place = (name: string) => makePlace(join(dir, name), smallTopology());
async function start(where: ReturnType<typeof place>, env = {}): Promise<Running> {
  const controller = await startController(where, env);
  running.add(controller);
  return controller;
}
const keyed = (key: string) => ({ 'idempotency-key': key });
const REQUEST = { cores: 1, remoteMemory: '512MiB' };
const platforms = async (controller: Running) =>
  ((await controller.ask('GET', '/v1/platforms')).body as { platforms: { id: number }[] })
    .platforms;

describe('a key', () => {
  const where = place('one');
  let controller: Running;

  it('has a command done once, also when it is sent many times at once', async () => {
    controller = await start(where);
    const ask = () => controller.ask('POST', '/v1/platforms', REQUEST, keyed('once'));
    const answers = await Promise.all(Array.from({ length: 16 }, ask));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]!.status).toBe(201);
    expect(await ask()).toEqual(answers[0]);
    // the same in other words
    const words = { remoteMemory: '0x20000000', cores: 1 };
    expect(await controller.ask('POST', '/v1/platforms', words, keyed('once'))).toEqual(answers[0]);
    expect(await platforms(controller)).toHaveLength(1);
  });

  it('stands for one request', async () => {
    const other = { ...REQUEST, cores: 2 };
    expect(await controller.ask('POST', '/v1/platforms', other, keyed('once'))).toMatchObject({
      status: 422,
      body: { code: 'SDM_KEY_REUSED', details: { key: 'once' } },
    });
    expect(
      (await controller.ask('DELETE', '/v1/platforms/1', undefined, keyed('once'))).status,
    ).toBe(422);
    const grow = { platformID: 1, memory: 1 };
    const d44 = await controller.ask('POST', '/api/allocateMemory', grow, keyed('once'));
    expect(d44).toMatchObject({ status: 422, body: { Status: 1, code: 'SDM_KEY_REUSED' } });
    expect(await platforms(controller)).toHaveLength(1);
  });

  it('of a refusal is free again', async () => {
    const much = { cores: 1, remoteMemory: '1TiB' };
    const refused = await controller.ask('POST', '/v1/platforms', much, keyed('later'));
    expect(refused.status).toBe(507);
    const now = await controller.ask('POST', '/v1/platforms', REQUEST, keyed('later'));
    expect(now.status).toBe(201);
  });

  it('goes with growths, shrinks, releases and the methods of D4.4', async () => {
    const twice = async (method: Method, path: string, key: string, body?: unknown) => {
      const first = await controller.ask(method, path, body, keyed(key));
      expect(await controller.ask(method, path, body, keyed(key))).toEqual(first);
      expect(first.status).toBe(200);
      return first.body as Record<string, never>;
    };
    const before = (await controller.ask('GET', '/v1/totals')).body;
    const made = await twice('POST', '/api/getPlatform', 'd1', { cpus: 1, memory: 0 });
    const platformID = made['PlatformID'];
    await twice('POST', '/api/allocateMemory', 'd2', { platformID, memory: 256 });
    await twice('POST', `/v1/platforms/${platformID}/memory`, 'd3', { size: '256MiB' });
    expect((await controller.ask('GET', `/v1/platforms/${platformID}`)).body).toMatchObject({
      remoteMemory: '0x20000000',
    });
    await twice('DELETE', `/v1/platforms/${platformID}/memory?size=256MiB`, 'd4');
    expect((await controller.ask('GET', `/v1/platforms/${platformID}`)).body).toMatchObject({
      remoteMemory: '0x10000000',
    });
    await twice('POST', '/api/freeMemory', 'd5', { platformID });
    await twice('POST', '/api/releasePlatform', 'd6', { platformID });
    expect((await controller.ask('GET', '/v1/totals')).body).toEqual(before);
  });

  it('is remembered over a restart, and has a form', async () => {
    const [first] = await platforms(controller);
    await controller.stop('SIGKILL');
    controller = await start(where);
    const again = await controller.ask('POST', '/v1/platforms', REQUEST, keyed('once'));
    expect(again).toMatchObject({ status: 201, body: { id: first!.id } });
    expect(await platforms(controller)).toHaveLength(2);
    for (const key of ['', 'a b', 'x'.repeat(129)]) {
      const answer = await controller.ask('POST', '/v1/platforms', REQUEST, keyed(key));
      expect(answer).toMatchObject({ status: 400, body: { code: 'SDM_INPUT' } });
    }
    expect(await platforms(controller)).toHaveLength(2);
  });
});

/** Those of the commands that this rack, of which nothing is wired, comes through. */
const POINTS = FAULT_POINTS.filter((point) =>
  /^(allocate|grow|shrink|release)\.(begin|active|end)/.test(point),
);

/** What a client does that never got an answer: the same again, with its key, at the next controller. */
it.each(POINTS)(
  'killed at %s, what is sent again with its key is done once',
  async (point) => {
    const where = place(point);
    let controller = await start(where, { SDM_FAULT: point });
    const send = async (method: Method, path: string, key: string, body?: unknown) => {
      if (point.startsWith(key)) {
        await controller.ask(method, path, body, keyed(key)).catch(() => undefined);
        await controller.stop('SIGKILL');
        controller = await start(where);
      }
      const answer = await controller.ask(method, path, body, keyed(key));
      expect(answer.status).toBeLessThan(300);
      expect(await controller.ask(method, path, body, keyed(key))).toEqual(answer);
      return answer.body as Record<string, never>;
    };
    const made = await send('POST', '/v1/platforms', 'allocate', REQUEST);
    expect(await platforms(controller)).toEqual([made]);
    const memory = `/v1/platforms/${made.id}/memory`;
    const grown = await send('POST', memory, 'grow', { size: '256MiB' });
    expect(await platforms(controller)).toEqual([grown.platform]);
    expect(grown.platform).toMatchObject({ remoteMemory: '0x30000000' });
    await send('DELETE', `${memory}?size=256MiB`, 'shrink');
    expect(await platforms(controller)).toMatchObject([{ remoteMemory: '0x20000000' }]);
    await send('DELETE', `/v1/platforms/${made.id}`, 'release');
    expect(await platforms(controller)).toEqual([]);
    expect((await controller.ask('GET', '/v1/totals')).body).toMatchObject({
      ...{ coresFree: 16, segmentsFree: 32, segmentsDirty: 0, platforms: 0 },
    });
    await controller.stop();
  },
  120_000,
);
