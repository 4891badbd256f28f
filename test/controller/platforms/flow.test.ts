import { afterEach, expect, test } from 'vitest';
import type { PlatformView } from '../../../src/controller/views.js';
import {
  makeControllerRack,
  SEGMENT,
  type ControllerRack,
  type ControllerRackOptions,
} from '../../support/controller-rack.js';

let rack: ControllerRack;
async function running(options: ControllerRackOptions): Promise<void> {
  rack = await makeControllerRack(options);
  await rack.startBricks();
  await rack.startController();
}
afterEach(() => rack.remove());

const hex = (segments: number): string => `0x${(SEGMENT * BigInt(segments)).toString(16)}`;

test('inventory only: a platform is reserved, grows, shrinks and goes', async () => {
  await running({ daemons: [] });
  const made = (await rack.ask('POST', '/v1/platforms', {
    cores: 2,
    localMemory: '0x100000',
    remoteMemory: hex(3),
    pathUtil: 10,
  })) as PlatformView;
  expect(made).toMatchObject({ id: 1, state: 'active', brick: '0.0.0', remoteMemory: hex(3) });
  expect(made.attachments[0]).toMatchObject({ id: 'p1-0', state: 'attached', count: 3 });
  const grown = await rack.ask('POST', '/v1/platforms/1/memory', { size: hex(2), migrateOK: true });
  expect(grown).toMatchObject({ domigrate: false, platform: { remoteMemory: hex(5) } });
  const shrunk = await rack.ask('DELETE', `/v1/platforms/1/memory?size=${hex(2)}`);
  expect(shrunk).toMatchObject({ freed: hex(2), platform: { remoteMemory: hex(3) } });
  expect(await rack.ask('GET', '/v1/totals')).toMatchObject({ segments: 32, segmentsFree: 29 });
  await rack.ask('DELETE', '/v1/platforms/1');
  expect(await rack.ask('GET', '/v1/totals')).toMatchObject({ segmentsFree: 32, platforms: 0 });
  await expect(rack.ask('GET', '/v1/platforms/1')).rejects.toMatchObject({ code: 'SDM_NOT_FOUND' });
});

test('with agents, lenders and a tray: memory is granted, wired, attached, and comes back zero', async () => {
  await running({ computes: 2, memories: 2, segments: 4 });
  const made = (await rack.ask('POST', '/v1/platforms', {
    cores: 2,
    remoteMemory: hex(6),
    pathUtil: 10,
    policy: 'nearest',
  })) as PlatformView;
  expect(made.attachments.length).toBeGreaterThanOrEqual(2);
  expect(made.attachments.map(({ state }) => state)).toEqual(
    made.attachments.map(() => 'attached'),
  );
  const set = rack.setMemports().get(made.brick) ?? [];
  expect(set).toHaveLength(made.attachments.length);
  for (const { remote, size, at } of made.attachments) {
    expect(at?.memport).toBeTypeOf('number');
    rack.dirty(BigInt(remote), BigInt(size));
  }
  const { connections } = (await rack.ask('GET', '/v1/switches/dbesm-0-0')) as {
    connections: unknown[];
  };
  expect(connections.length).toBeGreaterThan(0);
  await rack.ask('POST', '/v1/platforms/1/memory', { size: hex(1) });
  await rack.ask('DELETE', `/v1/platforms/1/memory?size=${hex(1)}`);
  expect(rack.isZero()).toBe(false);
  await rack.ask('DELETE', '/v1/platforms/1');
  expect(rack.setMemports().get(made.brick)).toEqual([]);
  expect(rack.isZero()).toBe(true);
  expect(await rack.ask('GET', '/v1/totals')).toMatchObject({ segmentsFree: 8, segmentsDirty: 0 });
});
