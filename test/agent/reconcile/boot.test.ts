import { describe, expect, test } from 'vitest';
import { REG } from '../../../src/abi/codec.js';
import { LOCAL } from '../../../src/agent/types.js';
import { native } from '../../../src/native/index.js';
import { LINK_STATUS_OFFSET, MIB } from '../brick.js';
import { readWord, writeWord } from '../registers.js';
import { useScene } from './scene.js';
import { RACK, SIZE, SPEC } from './world.js';

const scene = useScene();

describe('a boot', () => {
  const boot = (): void => scene.crash('unsafe', 'registers kept');

  test("restores what is local; a controller's waits for its word", async () => {
    const mine = await scene.attach('mine');
    const theirs = await scene.attach('theirs', 'device', RACK);
    boot();
    const agent = await scene.next();
    expect(scene.reconciled()).toMatchObject({
      rebooted: true,
      restored: ['mine'],
      waiting: ['theirs'],
    });
    expect(agent.getAttachment('mine')).toMatchObject({
      ...{ state: 'online', start: mine.start, remote: mine.remote, memport: mine.memport },
    });
    expect(agent.getAttachment('theirs')).toMatchObject({
      ...{ state: 'reserved', waits: 'controller', remote: theirs.remote, owner: 'rack' },
    });
    expect(agent.memport(theirs.memport)).toMatchObject({ set: false, owner: 'attachment' });
    expect(agent.getAttachment('theirs').device).toBeUndefined();
    expect((await agent.memory()).attachedBytes).toBe(SIZE);
    // its place is kept for it
    const other = await scene.attach('other', 'device');
    expect(other.remote).not.toBe(theirs.remote);
    await expect(agent.detach('theirs')).rejects.toMatchObject({ code: 'SDM_NOT_OWNER' });
    await expect(scene.attach('theirs', 'device')).rejects.toMatchObject({ code: 'SDM_CONFLICT' });

    const again = await scene.attach('theirs', 'device', { owner: 'rack-b', epoch: 2n });
    expect(again).toMatchObject({ state: 'present', owner: 'rack-b', remote: theirs.remote });
    expect(again.waits).toBeUndefined();
    expect(scene.world.memory.scrubbed).toEqual([]);
    expect(scene.world.memory.dirty.has(theirs.remote)).toBe(true);
  });

  test('what waits is scrubbed when its controller gives it back', async () => {
    const { remote } = await scene.attach('a', 'system-ram', RACK);
    boot();
    const agent = await scene.next();
    expect(scene.world.memory.dirty.has(remote)).toBe(true);
    expect((await agent.detach('a', {}, RACK)).state).toBe('free');
    expect(scene.world.memory.dirty.size).toBe(0);
    expect(scene.world.memory.regions.size).toBe(0);
    expect(agent.memports().some((found) => found.set)).toBe(false);
  });

  test.each([
    ['what waits', 'reserved', 'theirs', RACK],
    ['a local one that waits', 'reserved', 'mine', LOCAL],
    ['a detach without an end', 'failed', 'late', LOCAL],
  ])('%s is given back though the module came after the agent', async (_, state, id, caller) => {
    await scene.attach('theirs', 'device', RACK);
    await scene.attach('mine');
    await scene.attach('late', 'device');
    await scene.killAt('detach.journalled', () => scene.mortal.agent.detach('late'));
    scene.crash('unsafe', 'registers kept');
    scene.world.memory.inserted = false;
    const agent = await scene.next();
    expect(agent.getAttachment(id)).toMatchObject({ state });
    const { remote } = agent.getAttachment(id);
    expect(scene.world.memory.dirty.has(remote)).toBe(true);
    scene.world.memory.inserted = true;
    expect((await agent.detach(id, {}, caller)).state).toBe('free');
    expect(scene.world.memory.dirty.has(remote)).toBe(false);
    expect(scene.world.memory.regions.size).toBe(0);
  });

  test('what failed before is scrubbed when it is given back', async () => {
    const { remote } = await scene.attach('a');
    scene.world.memory.faults.set('remove', 1);
    await expect(scene.mortal.agent.detach('a')).rejects.toMatchObject({ code: 'SDM_FAILED' });
    boot();
    const agent = await scene.next();
    expect(agent.getAttachment('a').state).toBe('failed');
    expect(scene.world.memory.dirty.has(remote)).toBe(true);
    expect((await agent.detach('a')).state).toBe('free');
    expect(scene.world.memory.dirty.size).toBe(0);
    expect(agent.memports().some((found) => found.set)).toBe(false);
  });

  test('what is refused waits, says why, and is tried when the link comes up', async () => {
    await scene.attach('a');
    await scene.mortal.agent.setMemport(3, SPEC);
    scene.crash('unsafe', 'registers cleared');
    writeWord(scene.world.brick.registers, LINK_STATUS_OFFSET, 0n);
    let agent = await scene.next();
    const waiting = {
      ...{ state: 'reserved', waits: 'restore', link: 'down', steps: [] },
      error: { code: 'SDM_LINK_DOWN' },
    };
    expect(agent.getAttachment('a')).toMatchObject(waiting);
    expect(agent.memport(3)).toMatchObject({ set: false, owner: 'manual' });
    expect(scene.mortal.events.filter((event) => event.kind === 'attachment')).toHaveLength(1);
    await expect(scene.attach('a')).rejects.toMatchObject({
      code: 'SDM_LINK_DOWN',
      message: expect.stringContaining('it waits as before'),
    });
    // also over another restart of the agent
    scene.crash('unsafe', 'same boot');
    agent = await scene.next();
    expect(agent.getAttachment('a')).toMatchObject(waiting);
    expect(agent.memport(3)).toMatchObject({ set: false, owner: 'manual' });

    await agent.linkChanged(0, false);
    expect(agent.getAttachment('a')).toMatchObject(waiting);
    writeWord(scene.world.brick.registers, LINK_STATUS_OFFSET, 0b1n);
    await agent.linkChanged(1, true);
    expect(agent.getAttachment('a')).toMatchObject({ ...waiting, link: 'up' });
    await Promise.all([agent.linkChanged(0, true), agent.linkChanged(0, true)]);
    const restored = agent.getAttachment('a');
    expect(restored).toMatchObject({ state: 'online', link: 'up' });
    expect(restored.error ?? restored.waits).toBeUndefined();
    expect(agent.memport(3)).toMatchObject({ set: true, owner: 'manual' });
    expect(scene.world.memory.scrubbed).toEqual([]);
  });

  test('a link that came up before its changes were watched', async () => {
    await scene.attach('a');
    boot();
    writeWord(scene.world.brick.registers, LINK_STATUS_OFFSET, 0n);
    const agent = await scene.next();
    writeWord(scene.world.brick.registers, LINK_STATUS_OFFSET, 0b1n);
    await agent.linkChanged(0, true);
    expect(agent.getAttachment('a').state).toBe('online');
  });

  test('on a full disk all waits that cannot be restored, and can be given back', async () => {
    const before = await scene.attach('a');
    await scene.attach('b');
    await scene.attach('c', 'device', RACK);
    await scene.mortal.agent.setMemport(9, SPEC);
    scene.crash('none', 'registers cleared');
    scene.world.journal.refuse = (entry) =>
      entry.kind === 'attach' ||
      (entry.kind === 'memport' && entry.held !== null && entry.held.waits === undefined);
    const agent = await scene.next();
    const refused = { state: 'reserved', waits: 'restore', error: { code: 'SDM_JOURNAL' } };
    expect(agent.getAttachment('a')).toMatchObject(refused);
    expect(agent.getAttachment('b')).toMatchObject(refused);
    expect((await agent.detach('b')).state).toBe('free');
    expect((await agent.detach('c', {}, RACK)).state).toBe('free');
    await agent.clearMemport(9);
    expect(agent.memport(9)).toMatchObject({ set: false, owner: 'none' });
    await expect(scene.attach('a')).rejects.toMatchObject({ code: 'SDM_JOURNAL' });
    scene.world.journal.refuse = undefined;
    expect(await scene.attach('a')).toMatchObject({ state: 'online', start: before.start });
  });

  test('what is refused goes forward when it is commanded again', async () => {
    await scene.attach('a', 'device');
    boot();
    scene.world.memory.faults.set('expose', 1);
    const agent = await scene.next();
    expect(agent.getAttachment('a')).toMatchObject({
      waits: 'restore',
      error: { code: 'SDM_KERNEL_REFUSED' },
    });
    expect((await scene.attach('a', 'device')).state).toBe('present');
    expect(agent.getAttachment('a').error).toBeUndefined();
  });

  test("memports by hand: local ones are set again, a controller's wait for it", async () => {
    const theirs = { ...SPEC, start: 56n * MIB, remote: 56n * MIB };
    await scene.mortal.agent.setMemport(3, SPEC);
    await scene.mortal.agent.setMemport(4, theirs, {}, RACK);
    scene.crash('unsafe', 'registers cleared');
    const agent = await scene.next();
    expect(agent.memport(3)).toMatchObject({ set: true, owner: 'manual', by: 'local' });
    expect(agent.memport(4)).toMatchObject({ set: false, owner: 'manual', by: 'rack' });
    expect(readWord(scene.world.brick.registers, REG.EPOCH)).toBe(1n);
    await expect(agent.setMemport(4, theirs)).rejects.toMatchObject({ code: 'SDM_NOT_OWNER' });
    expect(await agent.setMemport(4, theirs, {}, RACK)).toMatchObject({ set: true, by: 'rack' });
  });

  test('fewer memports than the journal speaks of', async () => {
    await scene.mortal.agent.setMemport(20, SPEC);
    await scene.mortal.agent.attach({ id: 'a', mode: 'device', size: SIZE, memport: 21 });
    scene.crash('unsafe', 'registers cleared');
    native.formatRegisters(
      { path: scene.world.brick.registers },
      { profile: 'generic', windowSize: 64n * MIB, nports: 8, force: true },
    );
    const agent = await scene.next();
    expect(agent.getAttachment('a')).toMatchObject({
      ...{ state: 'reserved', waits: 'restore' },
      error: { code: 'SDM_INPUT' },
    });
    expect((await scene.attach('b')).state).toBe('online');
  });
});
