import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LINK_STATUS_OFFSET, makeBrick, MIB } from '../brick.js';
import { readBootId } from '../../../src/agent/boot.js';
import { LOCAL, type AttachmentMode, type Caller } from '../../../src/agent/types.js';
import { Agent } from '../../../src/agent/agent.js';
import { native } from '../../../src/native/index.js';
import { REG } from '../../../src/abi/codec.js';
import { readWord, writeWord } from '../registers.js';
import { TestJournal } from '../test-journal.js';
import { makeTree } from '../tree.js';
import type { MortalAgent } from './crash.js';
import { begin, BLOCK, crash, makeWorld, start, type World } from './world.js';

const SIZE = 2n * BLOCK;
const RACK: Caller = { owner: 'rack', epoch: 1n };
const SPEC = { start: 60n * MIB, size: BLOCK, remote: 60n * MIB };

let world: World;
let mortal: MortalAgent;

beforeEach(async () => {
  world = makeWorld();
  mortal = await begin(world);
});
afterEach(async () => {
  await mortal.agent.close();
  world.brick.remove();
});

function attach(id: string, mode: AttachmentMode = 'system-ram', caller: Caller = LOCAL) {
  return mortal.agent.attach({ id, mode, size: SIZE }, caller);
}

/** Kills the agent at a point of a command, and keeps what it left. */
async function killAt(point: string, command: () => Promise<unknown>): Promise<void> {
  mortal.dieAt = point;
  void command().catch(() => {});
  await mortal.arrived();
  crash(world, mortal, 'unsafe', 'same boot');
}

/** The next agent, after it has reconciled. */
async function next(): Promise<Agent> {
  mortal = await begin(world);
  return mortal.agent;
}

/** Writes to a memport past the agent, as another program would. */
function meddle(change: (block: ReturnType<typeof native.openRegisters>) => void): void {
  const block = native.openRegisters({ path: world.brick.registers });
  change(block);
  block.close();
}

function clearPast(port: number): void {
  meddle((block) => {
    block.staging.fill(0n, 0, 8);
    block.staging[0] = BigInt(port);
    block.program(1);
  });
}

function setPast(port: number, start: bigint, size: bigint): void {
  meddle((block) => {
    block.staging.fill(0n, 0, 8);
    block.staging.set([BigInt(port), start, start + size - 1n], 0);
    block.staging[6] = 1n;
    block.program(1);
  });
}

const reconciled = () => mortal.events.find((event) => event.kind === 'reconciled');

describe('a journal that cannot be acted on', () => {
  test.each([
    ['brick', { brick: 'another' }, 'brick is "test" there, and "another" here'],
    ['registers', {}, 'registers is "file '],
    ['pool', {}, 'pool is "file '],
  ] as const)('of another %s: nothing is touched', async (what, more, message) => {
    await attach('a');
    await mortal.agent.close();
    const before = world.journal.kinds().length;
    const other = makeWorld();
    const { config } = what === 'registers' ? other.brick : world.brick;
    const changed = what === 'pool' ? { pool: other.brick.config.pool! } : more;
    const calls = world.memory.calls.length;
    const { memory, journal } = world;
    await expect(
      Agent.open({ ...config, ...changed }, { memory, journal, bootId: 'boot 2' }),
    ).rejects.toMatchObject({
      code: 'SDM_JOURNAL_FOREIGN',
      message: expect.stringContaining(message),
    });
    expect(world.journal.kinds()).toHaveLength(before);
    expect(memory.calls).toHaveLength(calls);
    // and the registers are unlocked
    await (await Agent.open({ ...config, brick: 'test' })).close();
    other.brick.remove();
    mortal = await begin(world);
    expect(mortal.agent.getAttachment('a').state).toBe('online');
  });

  test('a pool that is missing is remembered, and one that comes first is known from then on', async () => {
    await mortal.agent.close();
    world.journal = new TestJournal();
    const other = makeWorld();
    const { pool: known, ...without } = world.brick.config;
    const open = (pool: typeof known | undefined): Promise<Agent> =>
      Agent.open(pool === undefined ? without : { ...without, pool }, {
        memory: world.memory,
        journal: world.journal,
        bootId: 'boot 1',
      });
    for (const pool of [undefined, known, undefined]) {
      const agent = await open(pool);
      await agent.reconcile();
      await agent.close();
    }
    await expect(open(other.brick.config.pool)).rejects.toMatchObject({
      code: 'SDM_JOURNAL_FOREIGN',
    });
    other.brick.remove();
    mortal = await begin(world);
  });

  test('nothing can be journalled: every command is refused, questions are answered', async () => {
    await mortal.agent.close();
    world.journal = new TestJournal();
    world.journal.refuse = () => true;
    mortal = await start(world);
    await expect(mortal.agent.reconcile()).rejects.toMatchObject({ code: 'SDM_JOURNAL' });
    await expect(attach('a')).rejects.toMatchObject({ code: 'SDM_JOURNAL' });
    await expect(mortal.agent.detach('a')).rejects.toMatchObject({ code: 'SDM_JOURNAL' });
    expect(mortal.agent.listAttachments()).toEqual([]);
  });

  test('the kernel does not say which boot it is', () => {
    expect(() => readBootId('/nonexistent/boot_id')).toThrow(
      expect.objectContaining({ code: 'SDM_SYSTEM' }),
    );
    expect(() => readBootId('/dev/null')).toThrow(expect.objectContaining({ code: 'SDM_SYSTEM' }));
    expect(readBootId()).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('commands that come before it has ended', () => {
  test('wait for it, and questions are answered from the journal meanwhile', async () => {
    await attach('a');
    await attach('c', 'device', RACK);
    await mortal.agent.setMemport(9, SPEC);
    mortal.kill();
    world.journal = world.journal.crashed('none');
    world.boot++;
    world.journal.hold();
    mortal = await start(world);
    const detached = mortal.agent.detach('a');
    const attached = attach('b', 'device');
    await world.journal.waiting(1);
    expect(mortal.agent.brick().brick).toBe('test');
    // a boot has taken what was in use
    expect(mortal.agent.listAttachments()).toMatchObject([
      { id: 'a', state: 'reserved', waits: 'restore', steps: [] },
      { id: 'c', state: 'reserved', waits: 'controller' },
    ]);
    const { memport } = mortal.agent.getAttachment('a');
    expect(mortal.agent.memport(memport)).toMatchObject({ owner: 'attachment', attachment: 'a' });
    expect(mortal.agent.memport(9)).toMatchObject({ owner: 'manual', by: 'local' });
    expect(mortal.agent.memports().filter(({ owner }) => owner === 'foreign')).toEqual([]);
    expect(world.journal.kinds()).not.toContain('detach');
    await world.journal.release();
    expect((await detached).state).toBe('free');
    expect((await attached).state).toBe('present');
  });

  test('see in the same boot what the agent before left in use', async () => {
    const before = await attach('a');
    mortal.kill();
    world.journal = world.journal.crashed('none');
    mortal = await start(world, { dieAt: 'reconcile.read' });
    expect(mortal.agent.getAttachment('a')).toEqual(before);
    expect(mortal.agent.memport(before.memport)).toMatchObject({ attachment: 'a' });
    mortal.kill();
    mortal = await begin(world);
  });
});

describe('what rests', () => {
  test('is left as it is, and is given back later', async () => {
    const [ram, device] = [await attach('r'), await attach('d', 'device')];
    world.memory.region(device)!.mapped = 1;
    crash(world, mortal, 'none', 'same boot');
    const before = world.journal.kinds().length;
    const agent = await next();
    expect(agent.listAttachments()).toEqual([ram, device]);
    expect(world.journal.kinds()).toHaveLength(before);
    expect(reconciled()).toEqual({
      kind: 'reconciled',
      rebooted: false,
      ...{ kept: ['r', 'd'], restored: [], undone: [], waiting: [], failed: [], foreign: [] },
    });
    await expect(agent.detach('d')).rejects.toMatchObject({ code: 'SDM_DEVICE_MAPPED' });
    world.memory.region(device)!.mapped = 0;
    for (const id of ['r', 'd']) expect((await agent.detach(id)).state).toBe('free');
    expect(world.memory.dirty.size).toBe(0);
  });

  test('and lost a block, its region or its memport meanwhile is put right', async () => {
    const [blocks, region, port] = [await attach('b'), await attach('r'), await attach('p')];
    world.memory.region(blocks)!.online.delete(blocks.blocks![0]!);
    world.memory.regions.delete([...world.memory.regions.keys()][1]!);
    crash(world, mortal, 'none', 'same boot');
    clearPast(port.memport);
    const agent = await next();
    expect(agent.listAttachments()).toEqual([blocks, region, port]);
    for (const a of [blocks, region, port]) {
      expect(world.memory.region(a)).toMatchObject({ state: 'ram', node: 1 });
      expect(world.memory.region(a)!.online.size).toBe(2);
      expect(agent.memport(a.memport)).toMatchObject({ set: true, attachment: a.id });
    }
  });

  test('and whose memport leads elsewhere now is failed, and that memport is left', async () => {
    const a = await attach('a', 'device');
    await attach('k');
    crash(world, mortal, 'none', 'same boot');
    clearPast(a.memport);
    setPast(a.memport, 56n * MIB, BLOCK);
    const agent = await next();
    expect(agent.getAttachment('a')).toMatchObject({
      state: 'failed',
      error: { code: 'SDM_FAILED', details: { cause: { code: 'SDM_MEMPORT_FOREIGN' } } },
    });
    expect(agent.getAttachment('k').state).toBe('online');
    expect(reconciled()).toMatchObject({ kept: ['k'], failed: ['a'] });
    expect(agent.memport(a.memport)).toMatchObject({ set: true, start: 56n * MIB });
  });

  test('and whose range someone else took is failed', async () => {
    const a = await attach('a');
    crash(world, mortal, 'none', 'same boot');
    world.memory.regions.clear();
    await world.memory.claim({ start: a.start, size: BLOCK, remote: a.remote });
    const agent = await next();
    expect(agent.getAttachment('a')).toMatchObject({ state: 'failed' });
    expect(world.memory.held()).toMatchObject([{ start: a.start, size: BLOCK }]);
    await expect(agent.detach('a')).rejects.toMatchObject({ code: 'SDM_FAILED' });
    expect(agent.memport(a.memport).set).toBe(true);
    world.memory.regions.clear();
    expect((await agent.detach('a')).state).toBe('free');
  });

  test('and has failed stays so, and can be given back', async () => {
    await attach('a');
    world.memory.faults.set('release', 1);
    await expect(mortal.agent.detach('a')).rejects.toMatchObject({ code: 'SDM_FAILED' });
    const before = mortal.agent.getAttachment('a');
    crash(world, mortal, 'none', 'same boot');
    const agent = await next();
    expect(agent.getAttachment('a')).toEqual(before);
    expect(reconciled()).toMatchObject({ failed: ['a'] });
    expect((await agent.detach('a')).state).toBe('free');
    expect(world.memory.regions.size).toBe(0);
    expect(agent.memports().some((found) => found.set)).toBe(false);
  });

  test('memports by hand are theirs who set them', async () => {
    await mortal.agent.setMemport(3, SPEC);
    await mortal.agent.setMemport(4, { ...SPEC, start: 56n * MIB, remote: 56n * MIB }, {}, RACK);
    crash(world, mortal, 'unsafe', 'same boot');
    const agent = await next();
    expect(agent.memport(3)).toMatchObject({ set: true, owner: 'manual', by: 'local' });
    expect(agent.memport(4)).toMatchObject({ set: true, owner: 'manual', by: 'rack' });
  });

  test('foreign memports and regions are shown and left', async () => {
    await attach('a');
    crash(world, mortal, 'none', 'same boot');
    setPast(7, 4n * MIB, BLOCK);
    await world.memory.claim({ start: 4n * MIB, size: BLOCK, remote: 4n * MIB });
    const agent = await next();
    expect(agent.memport(7)).toMatchObject({ set: true, owner: 'foreign' });
    expect(reconciled()).toMatchObject({ kept: ['a'], foreign: [7] });
    expect(world.memory.held()).toHaveLength(2);
  });
});

describe('an interrupted attach', () => {
  test('whose memport was set while the range became foreign: failed, and nothing is cleared', async () => {
    await killAt('up.claim.before', () => attach('a'));
    await world.memory.claim({ start: 32n * MIB, size: BLOCK, remote: 32n * MIB });
    let agent = await next();
    expect(agent.getAttachment('a')).toMatchObject({
      state: 'failed',
      error: { code: 'SDM_FAILED', details: { cause: { code: 'SDM_MEMPORT_LIVE' } } },
    });
    expect(agent.memport(0)).toMatchObject({ set: true, attachment: 'a' });
    expect(world.memory.held()).toHaveLength(1);
    expect(world.memory.scrubbed).toEqual([]);
    await agent.close();
    agent = await next();
    expect(agent.getAttachment('a').state).toBe('failed');
    world.memory.regions.clear();
    expect((await agent.detach('a')).state).toBe('free');
    expect(agent.memport(0).set).toBe(false);
  });

  test('whose region is there though its memport is clear: reached again, scrubbed, released', async () => {
    await killAt('up.online.after', () => attach('a'));
    clearPast(0);
    const agent = await next();
    expect(agent.listAttachments()).toEqual([]);
    expect(world.memory.regions.size).toBe(0);
    expect(world.memory.dirty.size).toBe(0);
    expect(agent.memport(0)).toMatchObject({ set: false, owner: 'none' });
  });

  test('of which half the blocks are online', async () => {
    await killAt('up.online.after', () => attach('a'));
    [...world.memory.regions.values()][0]!.online.delete(9);
    const agent = await next();
    expect(agent.listAttachments()).toEqual([]);
    expect(world.memory.regions.size).toBe(0);
  });

  test('that cannot be undone is failed, and its place stays taken', async () => {
    await killAt('up.online.after', () => attach('a'));
    world.memory.stuckBlock = 9;
    const agent = await next();
    expect(agent.getAttachment('a')).toMatchObject({ state: 'failed' });
    expect(reconciled()).toMatchObject({ failed: ['a'], undone: [] });
    expect((await attach('b')).memport).toBe(1);
    world.memory.stuckBlock = undefined;
    expect((await agent.detach('a')).state).toBe('free');
    expect(world.memory.region({ start: 32n * MIB, size: SIZE })).toBeUndefined();
  });

  test('whose region and memport are gone by now: its note says that bytes were reached', async () => {
    await killAt('up.online.after', () => attach('a'));
    await world.journal.record({ kind: 'at', id: 'a', direction: 'up', stage: 'online' });
    world.memory.regions.clear();
    clearPast(0);
    const agent = await next();
    expect(agent.listAttachments()).toEqual([]);
    expect(world.memory.dirty.size).toBe(0);
    expect(world.memory.regions.size).toBe(0);
    expect(agent.memport(0)).toMatchObject({ set: false, owner: 'none' });
  });

  test('of which not even the memport was set leaves bytes alone', async () => {
    world.memory.dirty.add(32n * MIB); // retained there by someone before
    await killAt('up.program.before', () => attach('a'));
    await next();
    expect(world.memory.dirty.has(32n * MIB)).toBe(true);
  });
});

describe('an interrupted detach', () => {
  test('that programs refuse now: as before, with the reason', async () => {
    const a = await attach('a', 'device');
    await killAt('detach.journalled', () => mortal.agent.detach('a', { retain: true }));
    world.memory.region(a)!.mapped = 1;
    const agent = await next();
    const { error, steps, ...after } = agent.getAttachment('a');
    const { steps: before, ...was } = a;
    expect(after).toEqual(was);
    expect(steps).toEqual(before);
    expect(error).toMatchObject({ code: 'SDM_DEVICE_MAPPED' });
    expect(reconciled()).toMatchObject({ kept: ['a'] });
    world.memory.region(a)!.mapped = 0;
    // what it was told then is forgotten
    await agent.detach('a');
    expect(world.memory.dirty.size).toBe(0);
  });

  test('that the kernel refuses now: every block comes back', async () => {
    const a = await attach('a');
    await killAt('down.online.after', () => mortal.agent.detach('a'));
    world.memory.region(a)!.online.add(9);
    world.memory.stuckBlock = 9;
    const agent = await next();
    expect(agent.getAttachment('a')).toMatchObject({
      state: 'online',
      error: { code: 'SDM_OFFLINE_REFUSED' },
    });
    expect(world.memory.region(a)!.online.size).toBe(2);
    world.memory.stuckBlock = undefined;
    expect((await agent.detach('a')).state).toBe('free');
  });

  test('of one that had failed, with nothing to be seen of it: its bytes are zeroed', async () => {
    const a = await attach('a', 'device');
    world.memory.faults.set('scrub', 1);
    await expect(mortal.agent.detach('a')).rejects.toMatchObject({ code: 'SDM_FAILED' });
    // its region and its memport are gone by other hands
    crash(world, mortal, 'none', 'same boot');
    world.memory.regions.clear();
    clearPast(a.memport);
    expect((await next()).getAttachment('a').state).toBe('failed');
    await killAt('detach.journalled', () => mortal.agent.detach('a'));
    const agent = await next();
    expect(agent.listAttachments()).toEqual([]);
    expect(world.memory.dirty.size).toBe(0);
    expect(agent.memport(a.memport)).toMatchObject({ set: false, owner: 'none' });
  });

  test('of what waited for a link: its bytes are zeroed', async () => {
    await attach('a', 'device');
    crash(world, mortal, 'unsafe', 'registers cleared');
    writeWord(world.brick.registers, LINK_STATUS_OFFSET, 0n);
    expect((await next()).getAttachment('a')).toMatchObject({ waits: 'restore' });
    await expect(mortal.agent.detach('a')).rejects.toMatchObject({ code: 'SDM_FAILED' });
    expect(world.memory.dirty.size).not.toBe(0);
    writeWord(world.brick.registers, LINK_STATUS_OFFSET, 0b1n);
    await killAt('detach.journalled', () => mortal.agent.detach('a'));
    expect((await next()).listAttachments()).toEqual([]);
    expect(world.memory.dirty.size).toBe(0);
  });

  test('that was refused long ago, but could not be journalled so, is not completed', async () => {
    await attach('a', 'device');
    const { memory, journal } = world;
    const [region] = memory.regions.values();
    region!.mapped = 1;
    journal.refuse = ({ kind }) => kind === 'rest';
    await expect(mortal.agent.detach('a')).rejects.toMatchObject({ code: 'SDM_DEVICE_MAPPED' });
    // nobody is told that it is in use while a restart would end it
    await expect(attach('a', 'device')).rejects.toMatchObject({ code: 'SDM_JOURNAL' });
    journal.refuse = undefined;
    const told = await attach('a', 'device');
    expect(told.state).toBe('present');
    const written = journal.kinds().length;
    await attach('a', 'device'); // and that is written once
    expect(journal.kinds()).toHaveLength(written);
    region!.mapped = 0;
    crash(world, mortal, 'unsafe', 'same boot');
    expect((await next()).getAttachment('a')).toEqual(told);
  });

  test('keeps what it was told about the bytes', async () => {
    const { remote } = await attach('a', 'device');
    await killAt('down.expose.after', () => mortal.agent.detach('a', { retain: true }));
    await next();
    expect(world.memory.dirty.has(remote)).toBe(true);
    expect(mortal.agent.listAttachments()).toEqual([]);
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

describe('a boot', () => {
  const boot = (): void => crash(world, mortal, 'unsafe', 'registers kept');

  test("restores what is local; a controller's waits for its word", async () => {
    const mine = await attach('mine');
    const theirs = await attach('theirs', 'device', RACK);
    boot();
    const agent = await next();
    expect(reconciled()).toMatchObject({ rebooted: true, restored: ['mine'], waiting: ['theirs'] });
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
    const other = await attach('other', 'device');
    expect(other.remote).not.toBe(theirs.remote);
    await expect(agent.detach('theirs')).rejects.toMatchObject({ code: 'SDM_NOT_OWNER' });
    await expect(attach('theirs', 'device')).rejects.toMatchObject({ code: 'SDM_CONFLICT' });

    const again = await attach('theirs', 'device', { owner: 'rack-b', epoch: 2n });
    expect(again).toMatchObject({ state: 'present', owner: 'rack-b', remote: theirs.remote });
    expect(again.waits).toBeUndefined();
    expect(world.memory.scrubbed).toEqual([]);
    expect(world.memory.dirty.has(theirs.remote)).toBe(true);
  });

  test('what waits is scrubbed when its controller gives it back', async () => {
    const { remote } = await attach('a', 'system-ram', RACK);
    boot();
    const agent = await next();
    expect(world.memory.dirty.has(remote)).toBe(true);
    expect((await agent.detach('a', {}, RACK)).state).toBe('free');
    expect(world.memory.dirty.size).toBe(0);
    expect(world.memory.regions.size).toBe(0);
    expect(agent.memports().some((found) => found.set)).toBe(false);
  });

  test.each([
    ['what waits', 'reserved', 'theirs', RACK],
    ['a local one that waits', 'reserved', 'mine', LOCAL],
    ['a detach without an end', 'failed', 'late', LOCAL],
  ])('%s is given back though the module came after the agent', async (_, state, id, caller) => {
    await attach('theirs', 'device', RACK);
    await attach('mine');
    await attach('late', 'device');
    await killAt('detach.journalled', () => mortal.agent.detach('late'));
    crash(world, mortal, 'unsafe', 'registers kept');
    world.memory.inserted = false;
    const agent = await next();
    expect(agent.getAttachment(id)).toMatchObject({ state });
    const { remote } = agent.getAttachment(id);
    expect(world.memory.dirty.has(remote)).toBe(true);
    world.memory.inserted = true;
    expect((await agent.detach(id, {}, caller)).state).toBe('free');
    expect(world.memory.dirty.has(remote)).toBe(false);
    expect(world.memory.regions.size).toBe(0);
  });

  test('what failed before is scrubbed when it is given back', async () => {
    const { remote } = await attach('a');
    world.memory.faults.set('remove', 1);
    await expect(mortal.agent.detach('a')).rejects.toMatchObject({ code: 'SDM_FAILED' });
    boot();
    const agent = await next();
    expect(agent.getAttachment('a').state).toBe('failed');
    expect(world.memory.dirty.has(remote)).toBe(true);
    expect((await agent.detach('a')).state).toBe('free');
    expect(world.memory.dirty.size).toBe(0);
    expect(agent.memports().some((found) => found.set)).toBe(false);
  });

  test('what is refused waits, says why, and is tried when the link comes up', async () => {
    await attach('a');
    await mortal.agent.setMemport(3, SPEC);
    crash(world, mortal, 'unsafe', 'registers cleared');
    writeWord(world.brick.registers, LINK_STATUS_OFFSET, 0n);
    let agent = await next();
    const waiting = {
      ...{ state: 'reserved', waits: 'restore', link: 'down', steps: [] },
      error: { code: 'SDM_LINK_DOWN' },
    };
    expect(agent.getAttachment('a')).toMatchObject(waiting);
    expect(agent.memport(3)).toMatchObject({ set: false, owner: 'manual' });
    expect(mortal.events.filter((event) => event.kind === 'attachment')).toHaveLength(1);
    await expect(attach('a')).rejects.toMatchObject({
      code: 'SDM_LINK_DOWN',
      message: expect.stringContaining('it waits as before'),
    });
    // also over another restart of the agent
    crash(world, mortal, 'unsafe', 'same boot');
    agent = await next();
    expect(agent.getAttachment('a')).toMatchObject(waiting);
    expect(agent.memport(3)).toMatchObject({ set: false, owner: 'manual' });

    await agent.linkChanged(0, false);
    expect(agent.getAttachment('a')).toMatchObject(waiting);
    await agent.linksWatched();
    expect(agent.getAttachment('a')).toMatchObject(waiting);
    writeWord(world.brick.registers, LINK_STATUS_OFFSET, 0b1n);
    await agent.linkChanged(1, true);
    expect(agent.getAttachment('a')).toMatchObject({ ...waiting, link: 'up' });
    await Promise.all([agent.linkChanged(0, true), agent.linkChanged(0, true)]);
    const restored = agent.getAttachment('a');
    expect(restored).toMatchObject({ state: 'online', link: 'up' });
    expect(restored.error ?? restored.waits).toBeUndefined();
    expect(agent.memport(3)).toMatchObject({ set: true, owner: 'manual' });
    expect(world.memory.scrubbed).toEqual([]);
  });

  test('a link that came up before its changes were watched', async () => {
    await attach('a');
    boot();
    writeWord(world.brick.registers, LINK_STATUS_OFFSET, 0n);
    const agent = await next();
    writeWord(world.brick.registers, LINK_STATUS_OFFSET, 0b1n);
    await agent.linksWatched();
    expect(agent.getAttachment('a').state).toBe('online');
  });

  test('on a full disk all waits that cannot be restored, and can be given back', async () => {
    const before = await attach('a');
    await attach('b');
    await attach('c', 'device', RACK);
    await mortal.agent.setMemport(9, SPEC);
    crash(world, mortal, 'none', 'registers cleared');
    world.journal.refuse = (entry) =>
      entry.kind === 'attach' ||
      (entry.kind === 'memport' && entry.held !== null && entry.held.waits === undefined);
    const agent = await next();
    const refused = { state: 'reserved', waits: 'restore', error: { code: 'SDM_JOURNAL' } };
    expect(agent.getAttachment('a')).toMatchObject(refused);
    expect(agent.getAttachment('b')).toMatchObject(refused);
    expect((await agent.detach('b')).state).toBe('free');
    expect((await agent.detach('c', {}, RACK)).state).toBe('free');
    await agent.clearMemport(9);
    expect(agent.memport(9)).toMatchObject({ set: false, owner: 'none' });
    await expect(attach('a')).rejects.toMatchObject({ code: 'SDM_JOURNAL' });
    world.journal.refuse = undefined;
    expect(await attach('a')).toMatchObject({ state: 'online', start: before.start });
  });

  test('what is refused goes forward when it is commanded again', async () => {
    await attach('a', 'device');
    boot();
    world.memory.faults.set('expose', 1);
    const agent = await next();
    expect(agent.getAttachment('a')).toMatchObject({
      waits: 'restore',
      error: { code: 'SDM_KERNEL_REFUSED' },
    });
    expect((await attach('a', 'device')).state).toBe('present');
    expect(agent.getAttachment('a').error).toBeUndefined();
  });

  test("memports by hand: local ones are set again, a controller's wait for it", async () => {
    const theirs = { ...SPEC, start: 56n * MIB, remote: 56n * MIB };
    await mortal.agent.setMemport(3, SPEC);
    await mortal.agent.setMemport(4, theirs, {}, RACK);
    crash(world, mortal, 'unsafe', 'registers cleared');
    const agent = await next();
    expect(agent.memport(3)).toMatchObject({ set: true, owner: 'manual', by: 'local' });
    expect(agent.memport(4)).toMatchObject({ set: false, owner: 'manual', by: 'rack' });
    expect(readWord(world.brick.registers, REG.EPOCH)).toBe(1n);
    await expect(agent.setMemport(4, theirs)).rejects.toMatchObject({ code: 'SDM_NOT_OWNER' });
    expect(await agent.setMemport(4, theirs, {}, RACK)).toMatchObject({ set: true, by: 'rack' });
  });

  test('fewer memports than the journal speaks of', async () => {
    await mortal.agent.setMemport(20, SPEC);
    await mortal.agent.attach({ id: 'a', mode: 'device', size: SIZE, memport: 21 });
    crash(world, mortal, 'unsafe', 'registers cleared');
    native.formatRegisters(
      { path: world.brick.registers },
      { profile: 'generic', windowSize: 64n * MIB, nports: 8, force: true },
    );
    const agent = await next();
    expect(agent.getAttachment('a')).toMatchObject({
      ...{ state: 'reserved', waits: 'restore' },
      error: { code: 'SDM_INPUT' },
    });
    expect((await attach('b')).state).toBe('online');
  });
});

describe('a memport by hand, and the agent is killed', () => {
  test.each([
    ['memport.journalled', false],
    ['memport.set', true],
  ])('in a set, at %s', async (point, set) => {
    await killAt(point, () => mortal.agent.setMemport(3, SPEC));
    const agent = await next();
    expect(agent.memport(3)).toMatchObject({ set, owner: set ? 'manual' : 'none' });
    expect(world.journal.state().memports.has(3)).toBe(set);
  });

  test('in a clear', async () => {
    await mortal.agent.setMemport(3, SPEC);
    await killAt('memport.cleared', () => mortal.agent.clearMemport(3));
    const agent = await next();
    expect(agent.memport(3)).toMatchObject({ set: false, owner: 'none' });
    expect(world.journal.state().memports.size).toBe(0);
  });
});

describe("the kernel's policy for new memory", () => {
  const FILE = 'devices/system/memory/auto_online_blocks';

  async function policyAfter(found: string, boots: number): Promise<string | undefined> {
    await mortal.agent.close();
    const tree = makeTree({ [FILE]: found });
    await world.journal.record({ kind: 'policy', saved: 'online_movable' });
    world.boot += boots;
    const config = { ...world.brick.config, sysfs: tree.root };
    mortal = await begin({ ...world, brick: { ...world.brick, config } });
    const after = (await mortal.agent.memory()).autoOnline;
    expect(world.journal.state().policy).toBeNull();
    tree.remove();
    return after;
  }

  test('that a crash left switched off is put back', async () => {
    expect(await policyAfter('offline\n', 0)).toBe('online_movable');
  });

  test('that someone has chosen since is left', async () => {
    expect(await policyAfter('online_kernel\n', 0)).toBe('online_kernel');
  });

  test('of another boot is left', async () => {
    expect(await policyAfter('offline\n', 1)).toBe('offline');
  });
});

describe('a share that is no longer this brick’s', () => {
  const OTHERS = [{ start: 0n, size: 32n * MIB, shared: true }];
  const share = (shares: World['brick']['config']['shares']): void => {
    const { brick } = world;
    world = { ...world, brick: { ...brick, config: { ...brick.config, shares } } };
  };

  test('what waits since a boot is neither restored nor zeroed', async () => {
    await attach('a');
    await attach('c', 'device', RACK);
    crash(world, mortal, 'none', 'registers cleared');
    const before = world.brick.config.shares;
    share(OTHERS);
    const agent = await next();
    expect(agent.getAttachment('a')).toMatchObject({
      state: 'reserved',
      waits: 'restore',
      error: { code: 'SDM_NOT_OURS' },
    });
    await expect(attach('c', 'device', RACK)).rejects.toMatchObject({ code: 'SDM_NOT_OURS' });
    expect(agent.getAttachment('c')).toMatchObject({ waits: 'controller', owner: 'rack' });
    expect(agent.memports().filter((port) => port.set)).toEqual([]);
    await expect(agent.detach('a')).rejects.toMatchObject({
      code: 'SDM_FAILED',
      details: { step: 'scrubbed', cause: { code: 'SDM_NOT_OURS' } },
    });
    expect(world.memory.scrubbed).toEqual([]);
    // given up, or the share comes back
    expect((await agent.detach('a', { retain: true })).state).toBe('free');
    mortal.kill();
    share(before);
    const remote = (await next()).getAttachment('c').remote;
    await mortal.agent.detach('c', {}, RACK);
    expect(world.memory.scrubbed).toMatchObject([{ remote }]);
  });

  test('what is in use in the same boot is failed, and not zeroed', async () => {
    await attach('a');
    crash(world, mortal, 'none', 'same boot');
    share(OTHERS);
    const agent = await next();
    expect(agent.getAttachment('a')).toMatchObject({
      state: 'failed',
      error: { message: expect.stringContaining('not in an own share') },
    });
    await expect(agent.detach('a')).rejects.toMatchObject({ code: 'SDM_FAILED' });
    expect(world.memory.scrubbed).toEqual([]);
    expect((await agent.detach('a', { retain: true })).state).toBe('free');
  });
});
