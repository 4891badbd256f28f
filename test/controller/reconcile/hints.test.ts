import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ControllerRack } from '../../support/controller-rack.js';
import { Asked, QUICK, startRack } from './racks.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
let rack: ControllerRack;
let asked: Asked;
beforeEach(async () => {
  // nothing is looked at by itself
  const reconcile = { ...QUICK.reconcile, intervalMs: 20_000, maxBackoffMs: 20_000 };
  rack = await startRack({ config: { ...QUICK, reconcile } });
  asked = new Asked(rack);
});
afterEach(() => rack.remove());

const register = (): Promise<unknown> =>
  rack.ask('POST', '/v1/trays', { id: '0.0.0', address: `unix:${rack.dir}/dbmc.sock` });
const tell = (...events: object[]): Promise<unknown> =>
  rack.ask('POST', '/v1/trays/0.0.0/events', { events });

test('what is no news has nobody looked at, and news those whom it concerns', async () => {
  await register();
  const { attachments } = await asked.create(2, { brick: '0.0.0' });
  await asked.liveness('0.0.1', 'up');
  await rack.running.get('agent 0.0.1')!.stop('SIGKILL');
  const ports = await asked.connections();
  expect(ports).toHaveLength(attachments.length);
  const ofSwitch = { switch: 'dbesm-0-0', ports };
  await register();
  await tell({ kind: 'ports.connected', ...ofSwitch }, { kind: 'brick.on', brick: '0.0.0' });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect((await asked.brick('0.0.1')).liveness).toBe('up');

  await tell({ kind: 'brick.off', brick: '0.0.1' });
  await asked.liveness('0.0.1', 'unreachable');
  // That ports are not connected which somebody needs is no echo.
  await asked.ask(`unix:${rack.dir}/dbmc.sock`, 'POST', '/api/switch/disconnectports', {
    ...{ dRackId: 0, dBoxId: 0, switchId: 'dbesm-0-0' },
    ports: JSON.stringify(ports),
  });
  await tell({ kind: 'ports.disconnected', ...ofSwitch });
  await asked.until('its ports', async () => (await asked.connections()).length === ports.length);
});
