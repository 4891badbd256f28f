import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { HttpClient } from '../../../src/common/http-client.js';
import { SEGMENT, type ControllerRack } from '../../support/controller-rack.js';
import { Asked, NOTHING, startRack } from './racks.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
let rack: ControllerRack;
let asked: Asked;
beforeEach(async () => {
  rack = await startRack();
  asked = new Asked(rack);
});
afterEach(() => rack.remove());

test('what a lost brick has is nobody else’s until it is fenced, then scrubbed, and taken back when it returns', async () => {
  const platform = await asked.create(4, { brick: '0.0.0' });
  const [attachment] = platform.attachments;
  rack.dirty(BigInt(attachment!.remote), SEGMENT * 4n);
  await rack.running.get('agent 0.0.0')!.stop('SIGKILL');
  await asked.liveness('0.0.0', 'lost');
  expect(await asked.totals()).toMatchObject({ segmentsQuarantined: 4 });
  // It has them still: they are not counted twice.
  const { total } = (await asked.brick(attachment!.memory)).segments!;
  expect(await asked.brick(attachment!.memory)).toMatchObject({
    segments: { quarantined: 4, dirty: 0, free: total - 4 },
  });
  // Nothing new goes there.
  await expect(asked.create(0, { brick: '0.0.0' })).rejects.toThrow();
  expect(await asked.create(1)).toMatchObject({ brick: '0.0.1' });
  // The platform cannot go while its memports may still be set.
  await expect(asked.release(platform.id)).rejects.toMatchObject({ code: 'SDM_FAILED' });
  expect(rack.setMemports().get('0.0.0')).toHaveLength(1);
  expect(rack.isZero()).toBe(false);

  const fenced = await asked.fence('0.0.0');
  expect(fenced).toMatchObject({ liveness: 'fenced' });
  await asked.until('its platform to go', async () => (await asked.platforms()).length === 1);
  // Its ports were read as disconnected: only the other platform's are left, and what it had is zero.
  expect(await asked.connections()).toHaveLength(1);
  expect(rack.isZero()).toBe(true);
  expect(await asked.totals()).toMatchObject({ segmentsQuarantined: 0, segmentsDirty: 0 });
  expect(rack.setMemports().get('0.0.0')).toHaveLength(1);

  // It is back, with a memport that leads to what may be somebody else's by now.
  await rack.start('agent 0.0.0');
  await asked.liveness('0.0.0', 'up');
  expect(await asked.attachments('0.0.0')).toEqual([]);
  expect(rack.setMemports().get('0.0.0')).toEqual([]);
  const again = await asked.create(2, { brick: '0.0.0' });
  for (const { id } of await asked.platforms()) await asked.release(id);
  expect(again.attachments).toHaveLength(1);
  expect(await asked.left()).toEqual(NOTHING);
});

test('a platform of a fenced brick that nobody releases is whole again when the brick is back', async () => {
  const { id } = await asked.create(2, { brick: '0.0.0' });
  await rack.running.get('agent 0.0.0')!.stop('SIGKILL');
  await asked.liveness('0.0.0', 'lost');
  await asked.fence('0.0.0');
  expect(await asked.connections()).toEqual([]);
  expect(await asked.platform(id)).toMatchObject({ state: 'active' });
  await rack.start('agent 0.0.0');
  await asked.liveness('0.0.0', 'up');
  await asked.until('its ports', async () => (await asked.connections()).length === 1);
  expect(await asked.attachments('0.0.0')).toHaveLength(1);
  await asked.release(id);
  expect(await asked.left()).toEqual(NOTHING);
});

test('a brick that answers and has memory is not fenced', async () => {
  const { id } = await asked.create(1, { brick: '0.0.0' });
  await expect(asked.fence('0.0.0')).rejects.toMatchObject({
    code: 'SDM_CONFLICT',
  });
  expect((await asked.brick('0.0.0')).liveness).toBe('up');
  await asked.release(id);
});

test('a memory brick cannot be fenced', async () => {
  const fencing = asked.fence(rack.memories[0]!);
  await expect(fencing).rejects.toMatchObject({ code: 'SDM_INPUT' });
});

test('that a brick is lost or fenced outlives the controller', async () => {
  await asked.create(2, { brick: '0.0.0' });
  await rack.running.get('agent 0.0.0')!.stop('SIGKILL');
  await asked.liveness('0.0.0', 'lost');
  await rack.running.get('controller')!.stop('SIGKILL');
  await rack.startController();
  expect((await asked.brick('0.0.0')).liveness).toBe('lost');
  expect(await asked.totals()).toMatchObject({ segmentsQuarantined: 2 });
  await asked.fence('0.0.0');
  await rack.running.get('controller')!.stop('SIGKILL');
  await rack.startController();
  expect((await asked.brick('0.0.0')).liveness).toBe('fenced');
});

test('a lost brick whose dBMC says that it is off is fenced by that, if somebody waits for its memory', async () => {
  const { id } = await asked.create(2, { brick: '0.0.0' });
  await rack.running.get('agent 0.0.0')!.stop('SIGKILL');
  await asked.liveness('0.0.0', 'lost');
  await asked.release(id).catch(() => {});
  expect((await asked.brick('0.0.0')).liveness).toBe('lost');
  const client = new HttpClient(`unix:${join(rack.dir, 'dbmc.sock')}`, { timeoutMs: 20_000 });
  const body = { dRackId: 0, dBoxId: 0, dBrickId: 0 };
  await client.call('POST', '/api/dbrick/switchoff', { body });
  client.close();
  await asked.liveness('0.0.0', 'fenced');
  await asked.until('its platform to go', async () => (await asked.platforms()).length === 0);
  expect(await asked.totals()).toMatchObject({ segmentsQuarantined: 0, segmentsDirty: 0 });
});
