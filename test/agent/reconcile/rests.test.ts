import { describe, expect, test } from 'vitest';
import { MIB } from '../brick.js';
import { useScene } from './scene.js';
import { BLOCK, RACK, SPEC } from './world.js';

const scene = useScene();

describe('what rests', () => {
  test('is left as it is, and is given back later', async () => {
    const [ram, device] = [await scene.attach('r'), await scene.attach('d', 'device')];
    scene.world.memory.region(device)!.mapped = 1;
    scene.crash('none', 'same boot');
    const before = scene.world.journal.kinds().length;
    const agent = await scene.next();
    expect(agent.listAttachments()).toEqual([ram, device]);
    expect(scene.world.journal.kinds()).toHaveLength(before);
    expect(scene.reconciled()).toEqual({
      kind: 'reconciled',
      rebooted: false,
      ...{ kept: ['r', 'd'], restored: [], undone: [], waiting: [], failed: [], foreign: [] },
    });
    await expect(agent.detach('d')).rejects.toMatchObject({ code: 'SDM_DEVICE_MAPPED' });
    scene.world.memory.region(device)!.mapped = 0;
    for (const id of ['r', 'd']) expect((await agent.detach(id)).state).toBe('free');
    expect(scene.world.memory.dirty.size).toBe(0);
  });

  test('and lost a block, its region or its memport meanwhile is put right', async () => {
    const [blocks, region, port] = [
      await scene.attach('b'),
      await scene.attach('r'),
      await scene.attach('p'),
    ];
    scene.world.memory.region(blocks)!.online.delete(blocks.blocks![0]!);
    scene.world.memory.regions.delete([...scene.world.memory.regions.keys()][1]!);
    scene.crash('none', 'same boot');
    scene.clearPast(port.memport);
    const agent = await scene.next();
    expect(agent.listAttachments()).toEqual([blocks, region, port]);
    for (const a of [blocks, region, port]) {
      expect(scene.world.memory.region(a)).toMatchObject({ state: 'ram', node: 1 });
      expect(scene.world.memory.region(a)!.online.size).toBe(2);
      expect(agent.memport(a.memport)).toMatchObject({ set: true, attachment: a.id });
    }
  });

  test('and whose memport leads elsewhere now is failed, and that memport is left', async () => {
    const a = await scene.attach('a', 'device');
    await scene.attach('k');
    scene.crash('none', 'same boot');
    scene.clearPast(a.memport);
    scene.setPast(a.memport, 56n * MIB, BLOCK);
    const agent = await scene.next();
    expect(agent.getAttachment('a')).toMatchObject({
      state: 'failed',
      error: { code: 'SDM_FAILED', details: { cause: { code: 'SDM_MEMPORT_FOREIGN' } } },
    });
    expect(agent.getAttachment('k').state).toBe('online');
    expect(scene.reconciled()).toMatchObject({ kept: ['k'], failed: ['a'] });
    expect(agent.memport(a.memport)).toMatchObject({ set: true, start: 56n * MIB });
  });

  test('and whose range someone else took is failed', async () => {
    const a = await scene.attach('a');
    scene.crash('none', 'same boot');
    scene.world.memory.regions.clear();
    await scene.world.memory.claim({ start: a.start, size: BLOCK, remote: a.remote });
    const agent = await scene.next();
    expect(agent.getAttachment('a')).toMatchObject({ state: 'failed' });
    expect(scene.world.memory.held()).toMatchObject([{ start: a.start, size: BLOCK }]);
    await expect(agent.detach('a')).rejects.toMatchObject({ code: 'SDM_FAILED' });
    expect(agent.memport(a.memport).set).toBe(true);
    scene.world.memory.regions.clear();
    expect((await agent.detach('a')).state).toBe('free');
  });

  test('and has failed stays so, and can be given back', async () => {
    await scene.attach('a');
    scene.world.memory.faults.set('release', 1);
    await expect(scene.mortal.agent.detach('a')).rejects.toMatchObject({ code: 'SDM_FAILED' });
    const before = scene.mortal.agent.getAttachment('a');
    scene.crash('none', 'same boot');
    const agent = await scene.next();
    expect(agent.getAttachment('a')).toEqual(before);
    expect(scene.reconciled()).toMatchObject({ failed: ['a'] });
    expect((await agent.detach('a')).state).toBe('free');
    expect(scene.world.memory.regions.size).toBe(0);
    expect(agent.memports().some((found) => found.set)).toBe(false);
  });

  test('memports by hand are theirs who set them', async () => {
    await scene.mortal.agent.setMemport(3, SPEC);
    await scene.mortal.agent.setMemport(
      4,
      { ...SPEC, start: 56n * MIB, remote: 56n * MIB },
      {},
      RACK,
    );
    scene.crash('unsafe', 'same boot');
    const agent = await scene.next();
    expect(agent.memport(3)).toMatchObject({ set: true, owner: 'manual', by: 'local' });
    expect(agent.memport(4)).toMatchObject({ set: true, owner: 'manual', by: 'rack' });
  });

  test('foreign memports and regions are shown and left', async () => {
    await scene.attach('a');
    scene.crash('none', 'same boot');
    scene.setPast(7, 4n * MIB, BLOCK);
    await scene.world.memory.claim({ start: 4n * MIB, size: BLOCK, remote: 4n * MIB });
    const agent = await scene.next();
    expect(agent.memport(7)).toMatchObject({ set: true, owner: 'foreign' });
    expect(scene.reconciled()).toMatchObject({ kept: ['a'], foreign: [7] });
    expect(scene.world.memory.held()).toHaveLength(2);
  });
});
