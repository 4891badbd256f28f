import { describe, expect, test } from 'vitest';
import { Agent } from '../../../src/agent/agent.js';
import { readBootId } from '../../../src/agent/boot.js';
import { TestJournal } from '../test-journal.js';
import { useScene } from './scene.js';
import { makeWorld, RACK, SPEC } from './world.js';

const scene = useScene();

describe('a journal that cannot be acted on', () => {
  test.each([
    ['brick', { brick: 'another' }, 'brick is "test" there, and "another" here'],
    ['registers', {}, 'registers is "file '],
    ['pool', {}, 'pool is "file '],
  ] as const)('of another %s: nothing is touched', async (what, more, message) => {
    await scene.attach('a');
    await scene.mortal.agent.close();
    const before = scene.world.journal.kinds().length;
    const other = makeWorld();
    const { config } = what === 'registers' ? other.brick : scene.world.brick;
    const changed = what === 'pool' ? { pool: other.brick.config.pool! } : more;
    const calls = scene.world.memory.calls.length;
    const { memory, journal } = scene.world;
    await expect(
      Agent.open({ ...config, ...changed }, { memory, journal, bootId: 'boot 2' }),
    ).rejects.toMatchObject({
      code: 'SDM_JOURNAL_FOREIGN',
      message: expect.stringContaining(message),
    });
    expect(scene.world.journal.kinds()).toHaveLength(before);
    expect(memory.calls).toHaveLength(calls);
    // and the registers are unlocked
    await (await Agent.open({ ...config, brick: 'test' })).close();
    other.brick.remove();
    await scene.next();
    expect(scene.mortal.agent.getAttachment('a').state).toBe('online');
  });

  test('a pool that is missing is remembered, and one that comes first is known from then on', async () => {
    await scene.mortal.agent.close();
    scene.world.journal = new TestJournal();
    const other = makeWorld();
    const { pool: known, ...without } = scene.world.brick.config;
    const open = (pool: typeof known | undefined): Promise<Agent> =>
      Agent.open(pool === undefined ? without : { ...without, pool }, {
        memory: scene.world.memory,
        journal: scene.world.journal,
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
    await scene.next();
  });

  test('nothing can be journalled: every command is refused, questions are answered', async () => {
    await scene.mortal.agent.close();
    scene.world.journal = new TestJournal();
    scene.world.journal.refuse = () => true;
    await scene.start();
    await expect(scene.mortal.agent.reconcile()).rejects.toMatchObject({ code: 'SDM_JOURNAL' });
    await expect(scene.attach('a')).rejects.toMatchObject({ code: 'SDM_JOURNAL' });
    await expect(scene.mortal.agent.detach('a')).rejects.toMatchObject({ code: 'SDM_JOURNAL' });
    expect(scene.mortal.agent.listAttachments()).toEqual([]);
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
    await scene.attach('a');
    await scene.attach('c', 'device', RACK);
    await scene.mortal.agent.setMemport(9, SPEC);
    scene.mortal.kill();
    scene.world.journal = scene.world.journal.crashed('none');
    scene.world.boot++;
    scene.world.journal.hold();
    await scene.start();
    const detached = scene.mortal.agent.detach('a');
    const attached = scene.attach('b', 'device');
    await scene.world.journal.waiting(1);
    expect(scene.mortal.agent.brick().brick).toBe('test');
    // a boot has taken what was in use
    expect(scene.mortal.agent.listAttachments()).toMatchObject([
      { id: 'a', state: 'reserved', waits: 'restore', steps: [] },
      { id: 'c', state: 'reserved', waits: 'controller' },
    ]);
    const { memport } = scene.mortal.agent.getAttachment('a');
    expect(scene.mortal.agent.memport(memport)).toMatchObject({
      owner: 'attachment',
      attachment: 'a',
    });
    expect(scene.mortal.agent.memport(9)).toMatchObject({ owner: 'manual', by: 'local' });
    expect(scene.mortal.agent.memports().filter(({ owner }) => owner === 'foreign')).toEqual([]);
    expect(scene.world.journal.kinds()).not.toContain('detach');
    await scene.world.journal.release();
    expect((await detached).state).toBe('free');
    expect((await attached).state).toBe('present');
  });

  test('see in the same boot what the agent before left in use', async () => {
    const before = await scene.attach('a');
    scene.mortal.kill();
    scene.world.journal = scene.world.journal.crashed('none');
    await scene.start({ dieAt: 'reconcile.read' });
    expect(scene.mortal.agent.getAttachment('a')).toEqual(before);
    expect(scene.mortal.agent.memport(before.memport)).toMatchObject({ attachment: 'a' });
    scene.mortal.kill();
    await scene.next();
  });
});
