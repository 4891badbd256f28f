import { describe, expect, test } from 'vitest';
import { Agent } from '../../../src/agent/agent.js';
import { LINK_STATUS_OFFSET, makeBrick, MIB } from '../brick.js';
import { readWord, writeWord } from '../registers.js';
import { TestJournal } from '../test-journal.js';
import { useScene } from './scene.js';
import { BLOCK, SIZE, SPEC } from './world.js';

const scene = useScene();

describe('an interrupted attach', () => {
  test('whose memport was set while the range became foreign: failed, and nothing is cleared', async () => {
    await scene.killAt('up.claim.before', () => scene.attach('a'));
    await scene.world.memory.claim({ start: 32n * MIB, size: BLOCK, remote: 32n * MIB });
    let agent = await scene.next();
    expect(agent.getAttachment('a')).toMatchObject({
      state: 'failed',
      error: { code: 'SDM_FAILED', details: { cause: { code: 'SDM_MEMPORT_LIVE' } } },
    });
    expect(agent.memport(0)).toMatchObject({ set: true, attachment: 'a' });
    expect(scene.world.memory.held()).toHaveLength(1);
    expect(scene.world.memory.scrubbed).toEqual([]);
    await agent.close();
    agent = await scene.next();
    expect(agent.getAttachment('a').state).toBe('failed');
    scene.world.memory.regions.clear();
    expect((await agent.detach('a')).state).toBe('free');
    expect(agent.memport(0).set).toBe(false);
  });

  test('whose region is there though its memport is clear: reached again, scrubbed, released', async () => {
    await scene.killAt('up.online.after', () => scene.attach('a'));
    scene.clearPast(0);
    const agent = await scene.next();
    expect(agent.listAttachments()).toEqual([]);
    expect(scene.world.memory.regions.size).toBe(0);
    expect(scene.world.memory.dirty.size).toBe(0);
    expect(agent.memport(0)).toMatchObject({ set: false, owner: 'none' });
  });

  test('of which half the blocks are online', async () => {
    await scene.killAt('up.online.after', () => scene.attach('a'));
    [...scene.world.memory.regions.values()][0]!.online.delete(9);
    const agent = await scene.next();
    expect(agent.listAttachments()).toEqual([]);
    expect(scene.world.memory.regions.size).toBe(0);
  });

  test('that cannot be undone is failed, and its place stays taken', async () => {
    await scene.killAt('up.online.after', () => scene.attach('a'));
    scene.world.memory.stuckBlock = 9;
    const agent = await scene.next();
    expect(agent.getAttachment('a')).toMatchObject({ state: 'failed' });
    expect(scene.reconciled()).toMatchObject({ failed: ['a'], undone: [] });
    expect((await scene.attach('b')).memport).toBe(1);
    scene.world.memory.stuckBlock = undefined;
    expect((await agent.detach('a')).state).toBe('free');
    expect(scene.world.memory.region({ start: 32n * MIB, size: SIZE })).toBeUndefined();
  });

  test('whose region and memport are gone by now: its note says that bytes were reached', async () => {
    await scene.killAt('up.online.after', () => scene.attach('a'));
    await scene.world.journal.record({ kind: 'at', id: 'a', direction: 'up', stage: 'online' });
    scene.world.memory.regions.clear();
    scene.clearPast(0);
    const agent = await scene.next();
    expect(agent.listAttachments()).toEqual([]);
    expect(scene.world.memory.dirty.size).toBe(0);
    expect(scene.world.memory.regions.size).toBe(0);
    expect(agent.memport(0)).toMatchObject({ set: false, owner: 'none' });
  });

  test('of which not even the memport was set leaves bytes alone', async () => {
    scene.world.memory.dirty.add(32n * MIB); // retained there by someone before
    await scene.killAt('up.program.before', () => scene.attach('a'));
    await scene.next();
    expect(scene.world.memory.dirty.has(32n * MIB)).toBe(true);
  });
});

describe('an interrupted detach', () => {
  test('that programs refuse now: as before, with the reason', async () => {
    const a = await scene.attach('a', 'device');
    await scene.killAt('detach.journalled', () => scene.mortal.agent.detach('a', { retain: true }));
    scene.world.memory.region(a)!.mapped = 1;
    const agent = await scene.next();
    const { error, steps, ...after } = agent.getAttachment('a');
    const { steps: before, ...was } = a;
    expect(after).toEqual(was);
    expect(steps).toEqual(before);
    expect(error).toMatchObject({ code: 'SDM_DEVICE_MAPPED' });
    expect(scene.reconciled()).toMatchObject({ kept: ['a'] });
    scene.world.memory.region(a)!.mapped = 0;
    // what it was told then is forgotten
    await agent.detach('a');
    expect(scene.world.memory.dirty.size).toBe(0);
  });

  test('that the kernel refuses now: every block comes back', async () => {
    const a = await scene.attach('a');
    await scene.killAt('down.online.after', () => scene.mortal.agent.detach('a'));
    scene.world.memory.region(a)!.online.add(9);
    scene.world.memory.stuckBlock = 9;
    const agent = await scene.next();
    expect(agent.getAttachment('a')).toMatchObject({
      state: 'online',
      error: { code: 'SDM_OFFLINE_REFUSED' },
    });
    expect(scene.world.memory.region(a)!.online.size).toBe(2);
    scene.world.memory.stuckBlock = undefined;
    expect((await agent.detach('a')).state).toBe('free');
  });

  test('of one that had failed, with nothing to be seen of it: its bytes are zeroed', async () => {
    const a = await scene.attach('a', 'device');
    scene.world.memory.faults.set('scrub', 1);
    await expect(scene.mortal.agent.detach('a')).rejects.toMatchObject({ code: 'SDM_FAILED' });
    // its region and its memport are gone by other hands
    scene.crash('none', 'same boot');
    scene.world.memory.regions.clear();
    scene.clearPast(a.memport);
    expect((await scene.next()).getAttachment('a').state).toBe('failed');
    await scene.killAt('detach.journalled', () => scene.mortal.agent.detach('a'));
    const agent = await scene.next();
    expect(agent.listAttachments()).toEqual([]);
    expect(scene.world.memory.dirty.size).toBe(0);
    expect(agent.memport(a.memport)).toMatchObject({ set: false, owner: 'none' });
  });

  test('of what waited for a link: its bytes are zeroed', async () => {
    await scene.attach('a', 'device');
    scene.crash('unsafe', 'registers cleared');
    writeWord(scene.world.brick.registers, LINK_STATUS_OFFSET, 0n);
    expect((await scene.next()).getAttachment('a')).toMatchObject({ waits: 'restore' });
    await expect(scene.mortal.agent.detach('a')).rejects.toMatchObject({ code: 'SDM_FAILED' });
    expect(scene.world.memory.dirty.size).not.toBe(0);
    writeWord(scene.world.brick.registers, LINK_STATUS_OFFSET, 0b1n);
    await scene.killAt('detach.journalled', () => scene.mortal.agent.detach('a'));
    expect((await scene.next()).listAttachments()).toEqual([]);
    expect(scene.world.memory.dirty.size).toBe(0);
  });

  test('that was refused long ago, but could not be journalled so, is not completed', async () => {
    await scene.attach('a', 'device');
    const { memory, journal } = scene.world;
    const [region] = memory.regions.values();
    region!.mapped = 1;
    journal.refuse = ({ kind }) => kind === 'rest';
    await expect(scene.mortal.agent.detach('a')).rejects.toMatchObject({
      code: 'SDM_DEVICE_MAPPED',
    });
    // nobody is told that it is in use while a restart would end it
    await expect(scene.attach('a', 'device')).rejects.toMatchObject({ code: 'SDM_JOURNAL' });
    journal.refuse = undefined;
    const told = await scene.attach('a', 'device');
    expect(told.state).toBe('present');
    const written = journal.kinds().length;
    await scene.attach('a', 'device'); // and that is written once
    expect(journal.kinds()).toHaveLength(written);
    region!.mapped = 0;
    scene.crash('unsafe', 'same boot');
    expect((await scene.next()).getAttachment('a')).toEqual(told);
  });

  test('keeps what it was told about the bytes', async () => {
    const { remote } = await scene.attach('a', 'device');
    await scene.killAt('down.expose.after', () => scene.mortal.agent.detach('a', { retain: true }));
    await scene.next();
    expect(scene.world.memory.dirty.has(remote)).toBe(true);
    expect(scene.mortal.agent.listAttachments()).toEqual([]);
  });

  test('of a brick without a kernel, after an override: the pool reads zero', async () => {
    const brick = makeBrick();
    const kept = new TestJournal();
    const agent = await Agent.open(brick.config, { journal: kept, bootId: 'boot 1' });
    const { remote, memport } = await agent.attach({ id: 'a', mode: 'device', size: SIZE });
    writeWord(brick.pool, Number(remote) + 64, 0xdeadbeefn);
    await agent.clearMemport(memport, { override: true });
    expect(agent.getAttachment('a').state).toBe('failed');
    await agent.close();
    // as one that was killed at detach.journalled leaves it
    const { record } = kept.state().attachments.get('a')!;
    await kept.record({ kind: 'detach', attachment: record });
    const later = await Agent.open(brick.config, { journal: kept, bootId: 'boot 1' });
    await later.reconcile();
    expect(later.listAttachments()).toEqual([]);
    expect(readWord(brick.pool, Number(remote) + 64)).toBe(0n);
    await later.close();
    brick.remove();
  });
});

describe('a memport by hand, and the agent is killed', () => {
  test.each([
    ['memport.journalled', false],
    ['memport.set', true],
  ])('in a set, at %s', async (point, set) => {
    await scene.killAt(point, () => scene.mortal.agent.setMemport(3, SPEC));
    const agent = await scene.next();
    expect(agent.memport(3)).toMatchObject({ set, owner: set ? 'manual' : 'none' });
    expect(scene.world.journal.state().memports.has(3)).toBe(set);
  });

  test('in a clear', async () => {
    await scene.mortal.agent.setMemport(3, SPEC);
    await scene.killAt('memport.cleared', () => scene.mortal.agent.clearMemport(3));
    const agent = await scene.next();
    expect(agent.memport(3)).toMatchObject({ set: false, owner: 'none' });
    expect(scene.world.journal.state().memports.size).toBe(0);
  });
});
