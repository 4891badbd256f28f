import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { SwitchView } from '../../../src/controller/views.js';
import type { ControllerRack } from '../../support/controller-rack.js';
import { Asked, startRack } from './racks.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
let rack: ControllerRack;
let asked: Asked;
beforeEach(async () => {
  rack = await startRack();
  asked = new Asked(rack);
});
afterEach(() => rack.remove());

const liveness = async (): Promise<string> =>
  ((await rack.ask('GET', '/v1/switches/dbesm-0-0')) as SwitchView).liveness;

test('no new path goes over a switch whose daemon is gone, until it is back', async () => {
  const { id } = await asked.create(1);
  await asked.until('the switch', async () => (await liveness()) === 'up');
  await rack.running.get('dbmc')!.stop('SIGKILL');
  await asked.until('the switch to be lost', async () => (await liveness()) === 'lost');
  await expect(asked.create(1)).rejects.toMatchObject({
    code: 'SDM_NO_PATH',
    message: expect.stringContaining('dbesm-0-0 (lost)'),
  });
  // Nothing is held by what could not be.
  expect((await asked.platforms()).map((each) => each.id)).toEqual([id]);
  await rack.start('dbmc');
  await asked.until('the switch to be back', async () => (await liveness()) === 'up');
  expect(await asked.create(1)).toMatchObject({ state: 'active' });
});

test('a refusal names the brick that is out, and what lets it in again', async () => {
  await asked.ask(rack.address, 'POST', '/v1/bricks/0.0.0/drain');
  const named = { cores: 1, brick: '0.0.0' };
  await expect(rack.ask('POST', '/v1/platforms', named)).rejects.toMatchObject({
    code: 'SDM_NO_CORES',
    message: expect.stringContaining('`sdm brick undrain 0.0.0`'),
  });
  const explained = (await rack.ask('POST', '/v1/explain', named)) as object;
  expect(explained).toMatchObject({
    refusal: { message: expect.stringContaining('brick 0.0.0 is drained') },
  });
  await asked.ask(rack.address, 'POST', '/v1/bricks/0.0.1/drain');
  await expect(rack.ask('POST', '/v1/platforms', { cores: 1 })).rejects.toMatchObject({
    message: expect.stringContaining('not counted: 0.0.0 (drained), 0.0.1 (drained)'),
  });
});
