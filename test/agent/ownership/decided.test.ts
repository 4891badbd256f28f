import { describe, expect, test } from 'vitest';
import type { Agent } from '../../../src/agent/agent.js';
import { LOCAL, type Attachment, type Caller } from '../../../src/agent/types.js';
import { MIB } from '../brick.js';
import { ModelMemory } from '../model-memory.js';
import { useScene } from '../reconcile/scene.js';
import { BLOCK, RACK, SIZE } from '../reconcile/world.js';

const scene = useScene();

/** In the share that bricks have together: nobody's own. */
const ELSEWHERE = 8n * MIB;
const NEXT: Caller = { owner: 'other-rack', epoch: 2n };

function attach(
  id: string,
  caller: Caller,
  remote: bigint | 'any' = ELSEWHERE,
  agent: Agent = scene.mortal.agent,
): Promise<Attachment> {
  const place = remote === 'any' ? {} : { remote };
  return agent.attach({ id, mode: 'system-ram', size: SIZE, ...place }, caller);
}

describe('shares hold until a controller decides', () => {
  test('what a controller names need only be in the pool', async () => {
    await expect(attach('l', LOCAL)).rejects.toMatchObject({ code: 'SDM_NOT_OURS' });
    expect(await attach('c', RACK)).toMatchObject({ state: 'online', remote: ELSEWHERE });
    for (const remote of [0n, 60n * MIB, 1n << 40n]) {
      await expect(attach('d', RACK, remote)).rejects.toMatchObject({ code: 'SDM_NOT_OURS' });
    }
    await expect(attach('d', RACK, ELSEWHERE + BLOCK)).rejects.toMatchObject({
      code: 'SDM_RANGE_TAKEN',
    });
    // what it leaves to the agent lies in the shares
    expect((await attach('e', RACK, 'any')).remote).toBe(32n * MIB);
  });

  test('a memport of a controller may lead anywhere', async () => {
    const spec = { start: ELSEWHERE, size: SIZE, remote: ELSEWHERE };
    const { agent } = scene.mortal;
    expect(await agent.setMemport(5, spec, {}, RACK)).toMatchObject({ set: true, by: 'rack' });
    await expect(attach('c', RACK)).rejects.toMatchObject({ code: 'SDM_RANGE_TAKEN' });
  });

  test('its bytes are left to whoever lent them where it says so', async () => {
    await attach('c', RACK);
    const { agent } = scene.mortal;
    expect((await agent.detach('c', { retain: true }, RACK)).state).toBe('free');
    expect(scene.world.memory.scrubbed).toEqual([]);
    await attach('d', RACK);
    await agent.detach('d', {}, RACK);
    expect(scene.world.memory.scrubbed).toMatchObject([{ remote: ELSEWHERE }]);
  });

  test('a local one never leads to a controller’s bytes, whatever is switched off', async () => {
    await scene.mortal.agent.close();
    const { brick } = scene.world;
    const shares = [{ start: 0n, size: 64n * MIB, shared: false }];
    const checks = { alignment: true, remoteOverlap: false };
    scene.world = {
      ...scene.world,
      brick: { ...brick, config: { ...brick.config, shares, checks } },
    };
    const agent = await scene.next();
    await attach('c', RACK, ELSEWHERE, agent);
    await expect(attach('l', LOCAL, ELSEWHERE, agent)).rejects.toMatchObject({
      code: 'SDM_RANGE_TAKEN',
    });
    const spec = { start: ELSEWHERE + SIZE, size: SIZE, remote: ELSEWHERE + SIZE };
    expect(await agent.setMemport(7, spec, {}, RACK)).toMatchObject({ set: true });
    await expect(agent.setMemport(8, spec, {}, LOCAL)).rejects.toMatchObject({
      code: 'SDM_RANGE_TAKEN',
    });
  });
});

describe('a controller’s attachment outside of the shares', () => {
  test('is as it was after a restart of the agent, and the next controller takes it over', async () => {
    await attach('c', RACK);
    scene.crash('none', 'same boot');
    const agent = await scene.next();
    expect(agent.getAttachment('c')).toMatchObject({ state: 'online', owner: 'rack' });
    expect(await attach('c', NEXT, ELSEWHERE, agent)).toMatchObject({ owner: 'other-rack' });
    await expect(attach('c', RACK, ELSEWHERE, agent)).rejects.toMatchObject({
      code: 'SDM_STALE_EPOCH',
    });
    await expect(attach('c', NEXT, ELSEWHERE + SIZE, agent)).rejects.toMatchObject({
      code: 'SDM_CONFLICT',
    });
  });

  test('has its memport set once more while the kernel holds its region', async () => {
    const { memport } = await attach('c', RACK);
    scene.crash('none', 'same boot');
    scene.clearPast(memport);
    const agent = await scene.next();
    expect(agent.getAttachment('c')).toMatchObject({ state: 'online' });
    expect(agent.memport(memport).set).toBe(true);
  });

  test('waits for a word where nothing of it is in reach any more', async () => {
    const { memport } = await attach('c', RACK);
    scene.crash('none', 'same boot');
    scene.clearPast(memport);
    scene.world.memory = new ModelMemory(BLOCK);
    const agent = await scene.next();
    expect(agent.getAttachment('c')).toMatchObject({
      state: 'reserved',
      waits: 'controller',
      error: { code: 'SDM_NOT_OURS' },
    });
    expect(agent.memport(memport).set).toBe(false);
    expect(await attach('c', NEXT, ELSEWHERE, agent)).toMatchObject({ state: 'online', memport });
  });

  test('waits after a boot, is attached again by the next term, or given back', async () => {
    await attach('c', RACK);
    scene.crash('none', 'registers cleared');
    const agent = await scene.next();
    expect(agent.getAttachment('c')).toMatchObject({ waits: 'controller' });
    expect(await attach('c', NEXT, ELSEWHERE, agent)).toMatchObject({
      state: 'online',
      owner: 'other-rack',
    });
    await agent.detach('c', { retain: true }, NEXT);
    expect(scene.world.memory.scrubbed).toEqual([]);
  });

  test('a detach that a boot interrupted zeroes nothing by itself', async () => {
    await attach('c', RACK);
    await scene.killAt('detach.journalled', () => scene.mortal.agent.detach('c', {}, RACK));
    scene.crash('none', 'registers cleared');
    const agent = await scene.next();
    expect(agent.getAttachment('c')).toMatchObject({ state: 'failed' });
    expect(scene.world.memory.scrubbed).toEqual([]);
    expect((await agent.detach('c', { retain: true }, NEXT)).state).toBe('free');
  });
});
