import { describe, expect, test } from 'vitest';
import { MIB } from '../brick.js';
import { useScene } from './scene.js';
import { RACK } from './world.js';
import type { World } from './world.js';

const scene = useScene();

describe('a share that is no longer this brick’s', () => {
  const OTHERS = [{ start: 0n, size: 32n * MIB, shared: true }];
  const share = (shares: World['brick']['config']['shares']): void => {
    const { brick } = scene.world;
    scene.world = { ...scene.world, brick: { ...brick, config: { ...brick.config, shares } } };
  };

  test('what waits since a boot is neither restored nor zeroed', async () => {
    await scene.attach('a');
    await scene.attach('c', 'device', RACK);
    scene.crash('none', 'registers cleared');
    share(OTHERS);
    const agent = await scene.next();
    expect(agent.getAttachment('a')).toMatchObject({
      state: 'reserved',
      waits: 'restore',
      error: { code: 'SDM_NOT_OURS' },
    });
    expect(agent.getAttachment('c')).toMatchObject({ waits: 'controller', owner: 'rack' });
    expect(agent.memports().filter((port) => port.set)).toEqual([]);
    await expect(agent.detach('a')).rejects.toMatchObject({
      code: 'SDM_FAILED',
      details: { step: 'scrubbed', cause: { code: 'SDM_NOT_OURS' } },
    });
    expect(scene.world.memory.scrubbed).toEqual([]);
    // given up
    expect((await agent.detach('a', { retain: true })).state).toBe('free');
  });

  test('what waits for its controller is no person’s to zero, and the controller’s to decide', async () => {
    await scene.attach('c', 'device', RACK);
    await scene.attach('d', 'device', RACK);
    scene.crash('none', 'registers cleared');
    share(OTHERS);
    const agent = await scene.next();
    await expect(agent.detach('c', { override: true })).rejects.toMatchObject({
      code: 'SDM_FAILED',
      details: { step: 'scrubbed', cause: { code: 'SDM_NOT_OURS' } },
    });
    expect(scene.world.memory.scrubbed).toEqual([]);
    expect((await agent.detach('c', { override: true, retain: true })).state).toBe('free');
    const { remote } = await scene.attach('d', 'device', RACK);
    await agent.detach('d', {}, RACK);
    expect(scene.world.memory.scrubbed).toMatchObject([{ remote }]);
  });

  test('what is in use in the same boot is failed, and not zeroed', async () => {
    await scene.attach('a');
    scene.crash('none', 'same boot');
    share(OTHERS);
    const agent = await scene.next();
    expect(agent.getAttachment('a')).toMatchObject({
      state: 'failed',
      error: { message: expect.stringContaining('not in an own share') },
    });
    await expect(agent.detach('a')).rejects.toMatchObject({ code: 'SDM_FAILED' });
    expect(scene.world.memory.scrubbed).toEqual([]);
    expect((await agent.detach('a', { retain: true })).state).toBe('free');
  });
});
