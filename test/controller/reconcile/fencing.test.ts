import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { HttpClient } from '../../../src/common/http-client.js';
import { readEvents } from '../../../src/common/sse.js';
import type { ControllerRack } from '../../support/controller-rack.js';
import { Asked, NOTHING, QUICK, startRack } from './racks.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
let rack: ControllerRack;
let asked: Asked;
beforeEach(async () => {
  const timeouts = { ...QUICK.timeouts, attachMs: 10_000, detachMs: 2_000 };
  rack = await startRack({ config: { ...QUICK, timeouts } });
  asked = new Asked(rack);
});
afterEach(() => rack.remove());

const drain = (id: string, on: 'drain' | 'undrain'): Promise<unknown> =>
  asked.ask(rack.address, 'POST', `/v1/bricks/${id}/${on}`);

test('what is under way at a brick ends before it counts as fenced', async () => {
  const agent = rack.running.get('agent 0.0.0')!;
  agent.process.kill('SIGSTOP');
  const creating = asked.create(2, { brick: '0.0.0' }).catch((error: unknown) => error);
  await asked.until('a platform', async () => (await asked.platforms()).length === 1);
  const confirmed = { confirmed: true };
  const fencing = asked.ask(rack.address, 'POST', '/v1/bricks/0.0.0/fence', confirmed);
  await asked.liveness('0.0.0', 'fenced');
  const states = (await asked.platforms()).map(({ state }) => state);
  expect(states).not.toContain('allocating');
  expect(states).not.toContain('active');
  expect(await creating).toBeInstanceOf(Error);
  await fencing;
  await asked.until('its platform to go', async () => (await asked.platforms()).length === 0);
  // what it was asked is carried out now, and is found before it is let in
  agent.process.kill('SIGCONT');
  await asked.liveness('0.0.0', 'up');
  await asked.until('nothing', async () => (await asked.attachments('0.0.0')).length === 0);
  expect(await asked.left()).toEqual(NOTHING);
});

test('who drains a brick and who fences it do not undo each other’s word', async () => {
  await asked.create(2, { brick: '0.0.0' });
  await rack.running.get('agent 0.0.0')!.stop('SIGKILL');
  await asked.liveness('0.0.0', 'lost');
  let fenced = false;
  const drains = Array.from({ length: 8 }, async (_, i) => {
    while (!fenced) await drain('0.0.0', i % 2 === 0 ? 'drain' : 'undrain');
  });
  await asked.fence('0.0.0').finally(() => (fenced = true));
  await Promise.all(drains);
  await drain('0.0.0', 'drain');
  expect(await asked.brick('0.0.0')).toMatchObject({ liveness: 'fenced', drained: true });
});

test('a fenced brick that answers is asked to give back what is released before it is let in', async () => {
  const { id } = await asked.create(2, { brick: '0.0.0' });
  await rack.running.get('agent 0.0.0')!.stop('SIGKILL');
  await asked.liveness('0.0.0', 'lost');
  await asked.fence('0.0.0');
  const seen: string[] = [];
  const client = new HttpClient(rack.address, { timeoutMs: 60_000 });
  const watching = (async () => {
    for await (const { data } of readEvents(client.stream('/v1/events'))) {
      const event = JSON.parse(data) as { kind: string; id?: string; liveness?: string };
      if (event.kind === 'brick' && event.id === '0.0.0') seen.push(event.liveness!);
      if (seen.includes('fenced') && event.liveness === 'up') return;
    }
  })();
  await rack.start('agent 0.0.0');
  await watching;
  client.close();
  const since = seen.slice(seen.lastIndexOf('fenced'));
  expect(since).toEqual(['fenced', 'lost', 'up']);
  await asked.release(id);
  expect(await asked.left()).toEqual(NOTHING);
});

test('why nothing shows that a brick is off is said once each, with the command that says so', async () => {
  await asked.create(1, { brick: '0.0.0' });
  const daemons = ['agent 0.0.0', 'dbmc'];
  for (const name of daemons) await rack.running.get(name)!.stop('SIGKILL');
  const refused = await asked.fence('0.0.0').catch((error: unknown) => error);
  expect(refused).toMatchObject({
    code: 'SDM_NOT_FENCED',
    message: expect.stringContaining('sdm brick fence 0.0.0 --confirmed'),
  });
  const { reasons } = (refused as { details: { reasons: string[] } }).details;
  expect(new Set(reasons).size).toBe(reasons.length);
});

test('a brick without an agent is not fenced', async () => {
  const inventory = await startRack({ daemons: ['lenders'] });
  try {
    const other = new Asked(inventory);
    await expect(other.fence('0.0.0')).rejects.toMatchObject({ code: 'SDM_INPUT' });
    expect((await other.brick('0.0.0')).liveness).toBe('inventory');
    expect(await other.create(0, { brick: '0.0.0' })).toMatchObject({ state: 'active' });
  } finally {
    await inventory.remove();
  }
});
