import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Agent } from '../../../src/agent/agent.js';
import { MemoryJournal, type JournalEntry } from '../../../src/agent/attachments/journal.js';
import type { AttachmentMode } from '../../../src/agent/types.js';
import { SdmError } from '../../../src/common/errors.js';
import { makeBrick, MIB, type TestBrick } from '../brick.js';
import { ModelMemory, type FaultPoint } from '../model-memory.js';

const BLOCK = 4n * MIB;
const SIZE = 3n * BLOCK;

/** A journal that can be told to refuse, and remembers what it was asked. */
class FaultyJournal extends MemoryJournal {
  readonly entries: string[] = [];
  refuse: ((entry: JournalEntry) => boolean) | undefined;

  override async record(entry: JournalEntry): Promise<void> {
    if (this.refuse?.(entry) === true) throw new SdmError('SDM_JOURNAL', 'disk full');
    this.entries.push(entry.kind);
    await super.record(entry);
  }

  override note(entry: JournalEntry): void {
    this.entries.push(entry.kind === 'at' ? `${entry.direction} ${entry.stage}` : entry.kind);
    super.note(entry);
  }
}

let brick: TestBrick;
let agent: Agent;
let memory: ModelMemory;
let journal: FaultyJournal;

beforeEach(async () => {
  brick = makeBrick();
  memory = new ModelMemory(BLOCK);
  journal = new FaultyJournal();
  agent = await Agent.open(brick.config, { memory, journal });
  await agent.reconcile();
  journal.entries.length = 0;
});
afterEach(async () => {
  await agent.close();
  brick.remove();
});

function attach(mode: AttachmentMode = 'system-ram', id = 'a1') {
  return agent.attach({ id, mode, size: SIZE });
}

/** Nothing is left: no attachment, no memport, no region, nothing in the journal. */
function expectNothing(): void {
  expect(agent.listAttachments()).toEqual([]);
  expect(agent.memports().filter((port) => port.set || port.status !== 0)).toEqual([]);
  expect(memory.regions.size).toBe(0);
  expect(journal.state().attachments.size).toBe(0);
}

describe('the way forward and back', () => {
  test('system-ram: announced before the first step and before the answer', async () => {
    const attached = await attach();
    expect(attached).toMatchObject({ state: 'online', node: 1, blocks: [8, 9, 10] });
    expect(memory.region(attached)).toMatchObject({ state: 'ram', node: 1 });
    expect(memory.region(attached)!.online.size).toBe(3);
    expect(journal.entries).toEqual([
      'attach',
      ...['up program', 'up claim', 'up add', 'up online'],
      'rest',
    ]);
    expect(journal.state().attachments.get('a1')).toMatchObject({
      record: { state: 'online', touched: true },
      doing: undefined,
    });

    journal.entries.length = 0;
    const freed = await agent.detach('a1');
    expect(journal.entries).toEqual([
      'detach',
      'down online',
      'down add',
      'down scrub',
      'down flush',
      'down claim',
      'down program',
      'forget',
    ]);
    expect(freed.steps.map((step) => step.step)).toEqual([
      ...['reserved', 'wired', 'linked', 'programmed', 'claimed', 'present', 'online'],
      ...['offline', 'absent', 'scrubbed', 'flushed', 'released', 'cleared', 'unwired', 'free'],
    ]);
    expect(memory.scrubbed).toHaveLength(1);
    expectNothing();
  });

  test('the order in which the kernel is asked', async () => {
    await attach();
    await agent.detach('a1');
    expect(memory.calls).toEqual([
      ...['claim', 'add', 'online'],
      ...['offline', 'remove', 'scrub', 'flush', 'release'],
    ]);
  });
});

describe('an attach that fails leaves nothing', () => {
  const points: [AttachmentMode, FaultPoint, string][] = [
    ['system-ram', 'claim', 'claimed'],
    ['system-ram', 'add', 'present'],
    ['system-ram', 'online', 'online'],
    ['device', 'claim', 'claimed'],
    ['device', 'expose', 'present'],
  ];

  test.each(points.flatMap((p) => [[...p, false] as const, [...p, true] as const]))(
    '%s, at %s (step %s), work half done: %s',
    async (mode, point, step, failAfter) => {
      memory.faults.set(point, 1);
      memory.failAfter = failAfter;
      await expect(attach(mode)).rejects.toMatchObject({
        code: 'SDM_KERNEL_REFUSED',
        message: expect.stringContaining(`step ${step}; nothing is left`),
        details: { attachment: 'a1', step, undone: true },
      });
      expectNothing();
      expect((await attach(mode)).state).toBe(mode === 'device' ? 'present' : 'online');
    },
  );

  test('bytes that nobody can have touched are not scrubbed', async () => {
    memory.faults.set('add', 1);
    await expect(attach()).rejects.toMatchObject({ code: 'SDM_KERNEL_REFUSED' });
    expect(memory.scrubbed).toEqual([]);
    memory.faults.set('online', 1);
    await expect(attach()).rejects.toMatchObject({ code: 'SDM_KERNEL_REFUSED' });
    expect(memory.scrubbed).toHaveLength(1);
  });

  test.each(['system-ram', 'device'] as const)(
    'where it cannot be announced, nothing is done at all: %s',
    async (mode) => {
      journal.refuse = (entry) => entry.kind === 'attach';
      await expect(attach(mode)).rejects.toMatchObject({
        code: 'SDM_JOURNAL',
        message: expect.stringContaining('disk full'),
      });
      expectNothing();
      expect(memory.calls).toEqual([]);
      expect(journal.entries).toEqual([]);
      journal.refuse = undefined;
      expect((await attach(mode)).memport).toBe(0);
    },
  );

  test.each(['system-ram', 'device'] as const)(
    '%s: in use already, but that it is cannot be journalled',
    async (mode) => {
      journal.refuse = (entry) => entry.kind === 'rest';
      await expect(attach(mode)).rejects.toMatchObject({
        message: expect.stringMatching(/disk full.*nothing is left/),
        details: { undone: true, step: mode === 'device' ? 'present' : 'online' },
      });
      expectNothing();
      expect(memory.scrubbed).toHaveLength(1);
      journal.refuse = undefined;
      expect((await attach(mode)).memport).toBe(0);
    },
  );

  test('a journal that refuses all from then on: undone, and its place taken until it works', async () => {
    let full = false;
    journal.refuse = (entry) => (full ||= entry.kind === 'rest');
    await expect(attach()).rejects.toMatchObject({
      code: 'SDM_FAILED',
      details: { step: 'free', left: [], first: { code: 'SDM_JOURNAL' } },
    });
    expect(agent.getAttachment('a1').state).toBe('failed');
    expect(memory.regions.size).toBe(0);
    expect(agent.memport(0)).toMatchObject({ set: false, owner: 'attachment' });
    journal.refuse = undefined;
    expect((await agent.detach('a1')).state).toBe('free');
    expectNothing();
  });

  test('undone, but that cannot be journalled: its place stays taken until it can', async () => {
    memory.faults.set('add', 1);
    journal.refuse = (entry) => entry.kind === 'forget';
    await expect(attach()).rejects.toMatchObject({
      code: 'SDM_FAILED',
      message: expect.stringContaining('All is undone. Remove the cause, then detach a1 again'),
      details: { step: 'free', left: [], first: { code: 'SDM_KERNEL_REFUSED' } },
    });
    expect((await attach('device', 'a2')).memport).toBe(1);
    journal.refuse = undefined;
    expect((await agent.detach('a1')).state).toBe('free');
    await agent.detach('a2');
    expectNothing();
  });

  test('someone else sets the memport at the same time: theirs is left alone', async () => {
    await agent.setMemport(0, { start: 62n * MIB, size: 2n * MIB, remote: 62n * MIB });
    // as by a program that writes to the registers, once the memport was chosen
    await agent.close();
    agent = await Agent.open(brick.config, { memory });

    expect((await attach()).memport).toBe(1);
    expect(agent.memport(0)).toMatchObject({ owner: 'foreign', set: true });
  });
});

describe('what cannot be undone', () => {
  const undo: [AttachmentMode, FaultPoint, FaultPoint, string][] = [
    ['system-ram', 'add', 'remove', 'absent'],
    ['system-ram', 'online', 'offline', 'offline'],
    ['system-ram', 'online', 'remove', 'absent'],
    ['system-ram', 'online', 'scrub', 'scrubbed'],
    ['system-ram', 'online', 'flush', 'flushed'],
    ['system-ram', 'claim', 'release', 'released'],
    ['device', 'expose', 'conceal', 'absent'],
    ['device', 'expose', 'release', 'released'],
  ];

  test.each(undo)(
    '%s: %s fails, then %s; another detach ends it',
    async (mode, first, then, step) => {
      memory.faults.set(first, 1);
      memory.faults.set(then, 1);
      memory.failAfter = true;
      await expect(attach(mode)).rejects.toMatchObject({
        code: 'SDM_FAILED',
        details: { attachment: 'a1', step, first: { code: 'SDM_KERNEL_REFUSED' } },
      });
      expect(agent.getAttachment('a1')).toMatchObject({
        state: 'failed',
        error: { code: 'SDM_FAILED' },
      });
      expect(journal.state().attachments.get('a1')).toMatchObject({
        record: { state: 'failed' },
      });
      memory.failAfter = false;
      // its range and memport are not given to another one
      const other = await attach(mode, 'a2');
      expect(other.memport).toBe(1);
      await agent.detach('a2');
      expect((await agent.detach('a1')).state).toBe('free');
      expectNothing();
    },
  );

  const back: [AttachmentMode, FaultPoint][] = [
    ['system-ram', 'remove'],
    ['system-ram', 'scrub'],
    ['system-ram', 'flush'],
    ['system-ram', 'release'],
    ['device', 'scrub'],
    ['device', 'flush'],
    ['device', 'release'],
  ];

  test.each(back.flatMap((b) => [[...b, false] as const, [...b, true] as const]))(
    'detach of %s stuck at %s, work half done: %s',
    async (mode, point, failAfter) => {
      await attach(mode);
      memory.faults.set(point, 2);
      memory.failAfter = failAfter;
      for (let i = 0; i < 2; i++) {
        await expect(agent.detach('a1')).rejects.toMatchObject({ code: 'SDM_FAILED' });
        expect(agent.getAttachment('a1').state).toBe('failed');
        expect(agent.memport(0)).toMatchObject({ set: true, owner: 'attachment' });
      }
      expect((await agent.detach('a1')).state).toBe('free');
      expect(memory.scrubbed.length).toBeGreaterThan(0);
      expectNothing();
    },
  );
});

describe('a detach that is refused', () => {
  test('blocks that were taken come back, and the caller learns which one was the reason', async () => {
    const before = await attach();
    memory.stuckBlock = 9;
    await expect(agent.detach('a1')).rejects.toMatchObject({
      code: 'SDM_OFFLINE_REFUSED',
      details: { attachment: 'a1', step: 'offline', block: 9, errno: 'EBUSY', reason: 'pinned' },
    });
    const { error, ...after } = agent.getAttachment('a1');
    expect(after).toEqual(before);
    expect(error).toMatchObject({ code: 'SDM_OFFLINE_REFUSED' });
    expect(memory.region(before)!.online.size).toBe(3);
    memory.stuckBlock = undefined;
    expect(await agent.detach('a1')).toMatchObject({ state: 'free' });
    expectNothing();
  });

  test('and cannot be undone, the attachment is failed', async () => {
    await attach();
    memory.stuckBlock = 9;
    memory.faults.set('online', 1);
    await expect(agent.detach('a1')).rejects.toMatchObject({
      code: 'SDM_FAILED',
      details: { step: 'online', first: { code: 'SDM_OFFLINE_REFUSED' } },
    });
    expect(agent.getAttachment('a1').state).toBe('failed');
    memory.stuckBlock = undefined;
    expect((await agent.detach('a1')).state).toBe('free');
    expectNothing();
  });

  test('a range that is mapped stays', async () => {
    const before = await attach('device');
    memory.region(before)!.mapped = 1;
    await expect(agent.detach('a1')).rejects.toMatchObject({ code: 'SDM_DEVICE_MAPPED' });
    const { error: _, ...after } = agent.getAttachment('a1');
    expect(after).toEqual(before);
    memory.region(before)!.mapped = 0;
    await agent.detach('a1');
    expectNothing();
  });

  test('a retain that was asked for with it is forgotten', async () => {
    await attach();
    memory.stuckBlock = 9;
    await expect(agent.detach('a1', { retain: true })).rejects.toThrow();
    memory.stuckBlock = undefined;
    await agent.detach('a1');
    expect(memory.scrubbed).toHaveLength(1);
  });

  test('is told as it is where the journal does not take it', async () => {
    const before = await attach();
    memory.stuckBlock = 9;
    journal.refuse = (entry) => entry.kind === 'rest';
    await expect(agent.detach('a1')).rejects.toMatchObject({ code: 'SDM_OFFLINE_REFUSED' });
    expect(agent.getAttachment('a1').state).toBe(before.state);
    journal.refuse = undefined;
    memory.stuckBlock = undefined;
    await agent.detach('a1');
    expectNothing();
  });

  test('nothing is done where the first intent cannot be journalled', async () => {
    const before = await attach();
    journal.refuse = () => true;
    await expect(agent.detach('a1')).rejects.toThrow('disk full');
    journal.refuse = undefined;
    expect(agent.getAttachment('a1')).toEqual(before);
    expect(memory.calls).not.toContain('offline');
    await agent.detach('a1');
    expectNothing();
  });
});
