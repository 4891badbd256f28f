import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Agent } from '../../../src/agent/agent.js';
import type { AttachRequest, Attachment } from '../../../src/agent/types.js';
import { makeBrick, MIB, type TestBrick } from '../brick.js';
import { ModelMemory } from '../model-memory.js';
import { TestJournal } from '../test-journal.js';

const SIZE = 4n * MIB;

let brick: TestBrick;
let agent: Agent;
let memory: ModelMemory;
let journal: TestJournal;

beforeEach(async () => {
  brick = makeBrick();
  memory = new ModelMemory(SIZE);
  journal = new TestJournal();
  agent = await Agent.open(brick.config, { memory, journal });
  await agent.reconcile();
  journal.kept.length = 0;
});
afterEach(async () => {
  await journal.release();
  await agent.close();
  brick.remove();
});

function attach(id: string, more: Partial<AttachRequest> = {}): Promise<Attachment> {
  return agent.attach({ id, mode: 'device', size: SIZE, ...more });
}

/** The promise's error, which it must end with. */
function refusal(promise: Promise<unknown>): Promise<{ code: string }> {
  return promise.then(
    () => Promise.reject(new Error('it succeeded')),
    (error: { code: string }) => error,
  );
}

function expectNothing(): void {
  expect(agent.listAttachments()).toEqual([]);
  expect(agent.memports().filter((port) => port.set || port.owner !== 'none')).toEqual([]);
  expect(memory.regions.size).toBe(0);
  expect(journal.state().attachments.size).toBe(0);
}

describe('while a command waits for the journal', () => {
  test('others go on: entries of many are made safe together', async () => {
    journal.hold();
    const all = ['a', 'b', 'c', 'd'].map((id) => attach(id));
    await journal.waiting(4);
    expect(journal.kinds()).toEqual(['attach', 'attach', 'attach', 'attach']);
    expect(memory.calls).toEqual([]);
    expect(agent.memports().some((port) => port.set)).toBe(false);
    await journal.releaseWaiting();
    await journal.waiting(4);
    expect(journal.kinds().filter((kind) => kind === 'rest')).toHaveLength(4);
    await journal.release();
    const attached = await Promise.all(all);
    expect(new Set(attached.map((a) => a.memport)).size).toBe(4);
    expect(new Set(attached.map((a) => a.remote)).size).toBe(4);
  });

  test('the same id waits for it, and gets the same attachment', async () => {
    journal.hold();
    const [first, second, other] = [attach('a'), attach('a'), attach('a', { size: 2n * SIZE })];
    const refused = refusal(other);
    await journal.waiting(1);
    await journal.release();
    expect(await second).toEqual(await first);
    expect(await refused).toMatchObject({ code: 'SDM_CONFLICT' });
    expect(agent.listAttachments()).toHaveLength(1);
  });

  test('the same id, and the first is refused: the second is one of its own', async () => {
    journal.hold();
    const first = refusal(attach('a'));
    const second = attach('a');
    await journal.waiting(1);
    await journal.refuseWaiting();
    expect(await first).toMatchObject({ code: 'SDM_JOURNAL' });
    await journal.release();
    expect(await second).toMatchObject({ id: 'a', state: 'present', memport: 0 });
  });

  test('a detach waits for the attach that it undoes', async () => {
    journal.hold();
    const attached = attach('a');
    await journal.waiting(1);
    const detached = agent.detach('a');
    await journal.release();
    expect((await attached).state).toBe('present');
    expect((await detached).state).toBe('free');
    expectNothing();
  });

  test('an attach of an id that is being given back gets one anew', async () => {
    const { remote } = await attach('a');
    journal.hold();
    const detached = agent.detach('a');
    await journal.waiting(1);
    const again = attach('a', { size: 2n * SIZE });
    await journal.release();
    expect((await detached).state).toBe('free');
    expect(await again).toMatchObject({ size: 2n * SIZE, remote, state: 'present' });
  });

  test('what is given back stays taken until that is safe', async () => {
    const first = await attach('a');
    journal.hold();
    const detached = agent.detach('a');
    await journal.waiting(1);
    await journal.releaseWaiting();
    await journal.waiting(1);
    expect(journal.kinds().at(-1)).toBe('forget');
    // nothing is left of it in brick and kernel
    expect(agent.memport(0)).toMatchObject({ set: false, owner: 'attachment', attachment: 'a' });
    expect(agent.getAttachment('a').state).not.toBe('free');
    const next = attach('b');
    await journal.waiting(2);
    await journal.release();
    await detached;
    expect((await next).remote).not.toBe(first.remote);
    expect((await next).memport).toBe(1);
  });

  test('a question is answered with what is there', async () => {
    journal.hold();
    const attached = attach('a');
    await journal.waiting(1);
    expect(agent.listAttachments()).toMatchObject([{ id: 'a', state: 'reserved' }]);
    expect(agent.memport(0)).toMatchObject({ set: false, owner: 'attachment', attachment: 'a' });
    await journal.release();
    await attached;
  });

  test('stopping waits for all that have begun', async () => {
    journal.hold();
    const attached = attach('a');
    await journal.waiting(1);
    const late = refusal(attach('a'));
    const closed = agent.close();
    expect(await late).toMatchObject({ code: 'SDM_STOPPING' });
    await journal.release();
    expect((await attached).state).toBe('present');
    await closed;
  });
});

describe('memports by hand and attachments', () => {
  const SPEC = { start: 32n * MIB, size: SIZE, remote: 32n * MIB };

  test('one that is about to be set is not chosen, nor its range', async () => {
    journal.hold();
    const set = agent.setMemport(0, SPEC);
    await journal.waiting(1);
    const attached = attach('a');
    await journal.waiting(2);
    expect(agent.memport(0)).toMatchObject({ set: false, owner: 'manual', by: 'local' });
    await journal.release();
    expect(await set).toMatchObject({ set: true, owner: 'manual' });
    expect(await attached).toMatchObject({ memport: 1, remote: 36n * MIB });
  });

  test('one that an attach has chosen is refused, and so is its range', async () => {
    journal.hold();
    const attached = attach('a');
    await journal.waiting(1);
    expect(await refusal(agent.setMemport(0, SPEC))).toMatchObject({ code: 'SDM_MEMPORT_OWNED' });
    expect(await refusal(agent.setMemport(1, SPEC))).toMatchObject({ code: 'SDM_RANGE_TAKEN' });
    // another one to the same local range: what the device would say once the first is set
    const over = { ...SPEC, remote: 48n * MIB };
    expect(await refusal(agent.setMemport(1, over, { override: true }))).toMatchObject({
      code: 'SDM_MEMPORT_REFUSED',
      details: { statusName: 'overlap' },
    });
    await journal.release();
    expect(await attached).toMatchObject({ memport: 0, state: 'present' });
  });

  test('an override waits for the attachment that it takes the memport from', async () => {
    journal.hold();
    const attached = attach('a');
    await journal.waiting(1);
    const cleared = refusal(agent.clearMemport(0, { override: true }));
    await journal.release();
    const before = await attached;
    // the region is exposed by now
    expect(await cleared).toMatchObject({ code: 'SDM_MEMPORT_LIVE' });
    expect(agent.getAttachment('a')).toEqual(before);
    expect((await agent.detach('a')).state).toBe('free');
    expectNothing();
  });

  test('an override that finds an owner only when its turn comes waits for that', async () => {
    journal.hold();
    const attached = attach('a');
    const set = refusal(
      agent.setMemport(0, { ...SPEC, start: 48n * MIB, remote: 48n * MIB }, { override: true }),
    );
    await journal.waiting(1);
    await journal.release();
    const before = await attached;
    expect(await set).toMatchObject({ code: 'SDM_MEMPORT_LIVE' });
    expect(agent.getAttachment('a')).toEqual(before);
    expect(agent.memport(0)).toMatchObject({ set: true, start: before.start });
    await agent.detach('a');
    expectNothing();
  });

  test('an override under what has failed: the detach sets the memport once more', async () => {
    const a = await attach('a', { retain: true });
    memory.faults.set('flush', 1);
    expect(await refusal(agent.detach('a'))).toMatchObject({ code: 'SDM_FAILED' });
    expect(await agent.clearMemport(0, { override: true })).toMatchObject({ set: false });
    memory.reaches = () => expect(agent.memport(0)).toMatchObject({ set: true, start: a.start });
    expect((await agent.detach('a')).state).toBe('free');
    expectNothing();
  });

  test('a detach does not reach through a memport that leads elsewhere', async () => {
    await attach('a', { retain: true });
    memory.faults.set('flush', 1);
    expect(await refusal(agent.detach('a'))).toMatchObject({ code: 'SDM_FAILED' });
    const elsewhere = { ...SPEC, start: 48n * MIB, remote: 48n * MIB };
    await agent.setMemport(0, elsewhere, { override: true });
    memory.calls.length = 0;
    expect(await refusal(agent.detach('a'))).toMatchObject({
      code: 'SDM_FAILED',
      details: { step: 'programmed', cause: { code: 'SDM_MEMPORT_FOREIGN' } },
    });
    expect(memory.calls).toEqual([]);
    await agent.clearMemport(0, { override: true });
    expect((await agent.detach('a')).state).toBe('free');
    expectNothing();
  });

  test('a set that cannot be journalled leaves the memport free', async () => {
    journal.hold();
    const set = refusal(agent.setMemport(0, SPEC));
    await journal.waiting(1);
    await journal.refuseWaiting();
    expect(await set).toMatchObject({ code: 'SDM_JOURNAL' });
    expectNothing();
  });

  test('a clear that cannot be journalled keeps it for another clear', async () => {
    await agent.setMemport(0, SPEC);
    journal.refuse = () => true;
    expect(await refusal(agent.clearMemport(0))).toMatchObject({ code: 'SDM_JOURNAL' });
    expect(agent.memport(0)).toMatchObject({ set: false, owner: 'manual' });
    journal.refuse = undefined;
    expect((await attach('a')).memport).toBe(1);
    expect(await agent.clearMemport(0)).toMatchObject({ owner: 'none' });
  });
});

describe('a disk that is full while several commands wait', () => {
  test('each attach that was announced is undone, each detach did nothing', async () => {
    const before = [await attach('k'), await attach('l')];
    memory.calls.length = 0;
    journal.hold();
    const refused = [attach('a'), attach('b'), agent.detach('k'), agent.detach('l')].map(refusal);
    await journal.waiting(4);
    await journal.refuseWaiting();
    for (const error of await Promise.all(refused)) expect(error.code).toBe('SDM_JOURNAL');
    expect(agent.listAttachments()).toEqual(before);
    expect(memory.calls).toEqual([]);
    await journal.release();
    await Promise.all(['k', 'l'].map((id) => agent.detach(id)));
    expectNothing();
  });

  test('an end that is not safe keeps its place: undone, or given back', async () => {
    await attach('k');
    journal.hold();
    const ends = [attach('a'), agent.detach('k')].map(refusal);
    await journal.waiting(2);
    await journal.releaseWaiting();
    await journal.waiting(2);
    expect(journal.kinds().slice(-1)).toEqual(['forget']);
    await journal.refuseWaiting();
    // a is undone, and that waits now; k's failure, too
    await journal.waiting(2);
    await journal.refuseWaiting();
    await journal.waiting(1);
    await journal.refuseWaiting();
    for (const error of await Promise.all(ends)) expect(error.code).toBe('SDM_FAILED');
    expect(memory.regions.size).toBe(0);
    expect(agent.listAttachments().map(({ id, state }) => [id, state])).toEqual([
      ['k', 'failed'],
      ['a', 'failed'],
    ]);
    expect([...journal.state().attachments.keys()]).toEqual(['k', 'a']);
    await journal.release();
    expect((await attach('b')).memport).toBe(2);
    await Promise.all(['a', 'k', 'b'].map((id) => agent.detach(id)));
    expectNothing();
  });
});
