import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Agent } from '../../../src/agent/agent.js';
import type { EventBody } from '../../../src/agent/events.js';
import { LOCAL, type Attachment, type Caller } from '../../../src/agent/types.js';
import { readWord } from '../registers.js';
import { makeBrick, MIB, type TestBrick } from '../brick.js';
import { ModelMemory } from '../model-memory.js';
import { TestJournal } from '../test-journal.js';
import { REG } from '../../../src/abi/codec.js';

const SIZE = 4n * MIB;
const SPEC = { start: 48n * MIB, size: SIZE, remote: 48n * MIB };
const A1: Caller = { owner: 'rack-a', epoch: 1n };
const A3: Caller = { owner: 'rack-a', epoch: 3n };
const B2: Caller = { owner: 'rack-b', epoch: 2n };

let brick: TestBrick;
let agent: Agent;
let journal: TestJournal;
let memory: ModelMemory;
let events: EventBody[];

beforeEach(async () => {
  brick = makeBrick();
  journal = new TestJournal();
  memory = new ModelMemory(SIZE);
  await open();
});
afterEach(async () => {
  await journal.release();
  await agent.close();
  brick.remove();
});

async function open(bootId = 'b1'): Promise<void> {
  events = [];
  const observer = { event: (event: EventBody) => events.push(event), step() {} };
  agent = await Agent.open(brick.config, { memory, journal, observer, bootId });
  await agent.reconcile();
}

function attach(id: string, caller: Caller): Promise<Attachment> {
  return agent.attach({ id, mode: 'device', size: SIZE }, caller);
}

const epochRegister = (): bigint => readWord(brick.registers, REG.EPOCH);

describe('who commands', () => {
  test.each([
    [{ owner: 'rack' }],
    [{ owner: '', epoch: 1n }],
    [{ owner: 'local', epoch: 1n }],
  ] as Caller[][])('a caller that cannot be is refused: %o', async (caller) => {
    for (const refused of [
      agent.attach({ id: 'a', mode: 'device', size: SIZE }, caller),
      agent.detach('a', {}, caller),
      agent.setMemport(0, SPEC, {}, caller),
      agent.clearMemport(0, {}, caller),
      agent.resetTransceiver(0, caller),
    ]) {
      await expect(refused).rejects.toMatchObject({ code: 'SDM_INPUT' });
    }
    expect(journal.state().epoch).toBeUndefined();
  });

  test('a term is safe before its first command does anything', async () => {
    journal.hold();
    const attached = attach('a', B2);
    await journal.waiting(1);
    expect(journal.kinds().at(-1)).toBe('epoch');
    expect(agent.listAttachments()).toEqual([]);
    expect(epochRegister()).toBe(0n);
    await journal.release();
    expect(await attached).toMatchObject({ owner: 'rack-b' });
    expect(epochRegister()).toBe(2n);
    expect(events).toContainEqual({ kind: 'epoch', epoch: 2n, controller: 'rack-b' });
    expect(agent.journal().epoch).toEqual({ epoch: 2n, controller: 'rack-b' });
  });

  test('an epoch that is over, or under another name, is refused for every command', async () => {
    await attach('a', B2);
    const before = [agent.listAttachments(), agent.memports()];
    const same = { owner: 'rack-a', epoch: 2n };
    for (const caller of [A1, same]) {
      for (const refused of [
        attach('a', caller),
        attach('b', caller),
        agent.detach('a', { override: true }, caller),
        agent.setMemport(5, SPEC, { override: true }, caller),
        agent.clearMemport(0, { override: true }, caller),
        agent.resetTransceiver(0, caller),
      ]) {
        await expect(refused).rejects.toMatchObject({
          code: 'SDM_STALE_EPOCH',
          details: { current: '2', controller: 'rack-b' },
        });
      }
    }
    expect([agent.listAttachments(), agent.memports()]).toEqual(before);
    expect(epochRegister()).toBe(2n);
  });

  test('a term that cannot be journalled is none: the one before goes on', async () => {
    await attach('a', A1);
    journal.hold();
    const taking = [attach('b', B2), attach('c', B2)].map((p) => p.catch((e: Error) => e));
    await journal.waiting(1);
    await journal.refuseWaiting();
    for (const error of await Promise.all(taking)) {
      expect(error).toMatchObject({ code: 'SDM_JOURNAL' });
    }
    await journal.release();
    expect(epochRegister()).toBe(1n);
    expect((await attach('d', A1)).owner).toBe('rack-a');
    expect((await attach('b', B2)).owner).toBe('rack-b');
  });

  test('a higher one that comes while a term is written: the lower one is refused', async () => {
    journal.hold();
    const lower = attach('b', B2).catch((e: Error) => e);
    await journal.waiting(1);
    const higher = attach('a', A3);
    await journal.waiting(2);
    await journal.release();
    expect(await lower).toMatchObject({ code: 'SDM_STALE_EPOCH' });
    expect(await higher).toMatchObject({ owner: 'rack-a' });
    expect(epochRegister()).toBe(3n);
  });

  test('what an earlier term has under way ends before a higher one begins', async () => {
    journal.hold();
    const earlier = attach('a', A1);
    await journal.waiting(1);
    await journal.releaseWaiting(); // its term is safe
    await journal.waiting(1);
    const later = agent.detach('a', {}, B2);
    const other = attach('b', B2);
    await journal.waiting(2);
    await journal.releaseWaiting();
    await journal.waiting(1);
    expect(journal.kinds().at(-1)).toBe('rest');
    expect(agent.listAttachments().map(({ id }) => id)).toEqual(['a']);
    await journal.release();
    expect(await earlier).toMatchObject({ owner: 'rack-a', state: 'present' });
    expect(await later).toMatchObject({ owner: 'rack-b', state: 'free' });
    expect(await other).toMatchObject({ owner: 'rack-b' });
  });

  test('a term that cannot be journalled falls back to one that still takes over', async () => {
    journal.hold();
    const first = attach('a', A1);
    await journal.waiting(1);
    await journal.releaseWaiting(); // its term is safe
    await journal.waiting(1);
    const second = attach('b', B2);
    await journal.waiting(2);
    await journal.releaseWaiting(); // the second one's too, while the first command is under way
    await journal.waiting(1);
    journal.refuse = (entry) => entry.kind === 'epoch';
    await expect(attach('c', A3)).rejects.toMatchObject({ code: 'SDM_JOURNAL' });
    journal.refuse = undefined;
    await expect(attach('d', A1)).rejects.toMatchObject({ code: 'SDM_STALE_EPOCH' });
    const more = attach('e', B2);
    await setImmediate();
    expect(journal.kinds().filter((kind) => kind === 'attach')).toHaveLength(1);
    await journal.release();
    expect((await first).owner).toBe('rack-a');
    expect((await second).owner).toBe('rack-b');
    expect((await more).owner).toBe('rack-b');
    expect(epochRegister()).toBe(2n);
    expect((await attach('c', A3)).owner).toBe('rack-a');
    expect(epochRegister()).toBe(3n);
  });

  test('a restart knows the term, and mirrors it again', async () => {
    await attach('a', B2);
    await agent.close();
    journal = journal.crashed('unsafe');
    await open();
    expect(epochRegister()).toBe(2n);
    await expect(attach('c', A1)).rejects.toMatchObject({ code: 'SDM_STALE_EPOCH' });
    expect(await attach('a', B2)).toMatchObject({ id: 'a', owner: 'rack-b' });
  });
});

describe('whose it is', () => {
  test('people and controllers keep out of each other’s way, unless they override', async () => {
    await attach('mine', LOCAL);
    await attach('theirs', A1);
    await expect(agent.detach('mine', {}, A1)).rejects.toMatchObject({ code: 'SDM_NOT_OWNER' });
    await expect(agent.detach('theirs')).rejects.toMatchObject({ code: 'SDM_NOT_OWNER' });
    await expect(attach('mine', A1)).rejects.toMatchObject({ code: 'SDM_CONFLICT' });
    await expect(attach('theirs', LOCAL)).rejects.toMatchObject({ code: 'SDM_CONFLICT' });
    expect(agent.listAttachments().map((a) => [a.id, a.owner, a.state])).toEqual([
      ['mine', 'local', 'present'],
      ['theirs', 'rack-a', 'present'],
    ]);
    expect((await agent.detach('mine', { override: true }, A1)).state).toBe('free');
    expect((await agent.detach('theirs', { override: true })).state).toBe('free');
  });

  test('the next controller commands what the one before it attached, and owns it then', async () => {
    await attach('a', A1);
    await attach('b', A1);
    expect(await attach('a', B2)).toMatchObject({ owner: 'rack-b', state: 'present' });
    expect(journal.state().attachments.get('a')?.record.owner).toBe('rack-b');
    expect(agent.memport(0).by).toBe('rack-b');
    expect(agent.getAttachment('b').owner).toBe('rack-a');
    expect(await agent.detach('b', {}, B2)).toMatchObject({ owner: 'rack-b', state: 'free' });
  });

  test('a change of owner that cannot be journalled is none', async () => {
    await attach('a', A1);
    journal.refuse = ({ kind }) => kind === 'rest';
    await expect(attach('a', B2)).rejects.toMatchObject({ code: 'SDM_JOURNAL' });
    expect(agent.getAttachment('a').owner).toBe('rack-a');
    journal.refuse = undefined;
    expect((await attach('a', B2)).owner).toBe('rack-b');
    expect(journal.state().attachments.get('a')?.record.owner).toBe('rack-b');
  });

  test('nor is one of what waits since a boot', async () => {
    await attach('a', A1);
    await agent.close();
    memory = new ModelMemory(SIZE);
    await open('b2');
    expect((await agent.detach('none', {}, B2).catch((e: Error) => e)) as Error).toMatchObject({
      code: 'SDM_NOT_FOUND',
    });
    journal.refuse = () => true;
    await expect(attach('a', B2)).rejects.toMatchObject({ code: 'SDM_JOURNAL' });
    expect(agent.getAttachment('a')).toMatchObject({ owner: 'rack-a', waits: 'controller' });
    journal.refuse = undefined;
    expect(await attach('a', B2)).toMatchObject({ owner: 'rack-b', state: 'present' });
  });

  test('a detach that is refused leaves it with who commanded it', async () => {
    const { start, size } = await attach('a', A1);
    memory.region({ start, size })!.mapped = 1;
    await expect(agent.detach('a', {}, B2)).rejects.toMatchObject({ code: 'SDM_DEVICE_MAPPED' });
    expect(agent.getAttachment('a')).toMatchObject({ owner: 'rack-b', state: 'present' });
    await expect(agent.detach('a', { override: true })).rejects.toMatchObject({
      code: 'SDM_DEVICE_MAPPED',
    });
    expect(agent.getAttachment('a').owner).toBe('rack-b');
  });

  test('memports by hand have an owner, too', async () => {
    expect(await agent.setMemport(3, SPEC, {}, A1)).toMatchObject({
      owner: 'manual',
      by: 'rack-a',
    });
    await expect(agent.clearMemport(3)).rejects.toMatchObject({ code: 'SDM_NOT_OWNER' });
    await expect(agent.setMemport(3, SPEC)).rejects.toMatchObject({ code: 'SDM_NOT_OWNER' });
    expect(await agent.setMemport(3, SPEC, {}, B2)).toMatchObject({ by: 'rack-b' });
    expect(journal.state().memports.get(3)).toMatchObject({ by: 'rack-b' });
    expect(await agent.setMemport(3, SPEC, { override: true })).toMatchObject({ by: 'local' });
    await expect(agent.clearMemport(3, {}, B2)).rejects.toMatchObject({ code: 'SDM_NOT_OWNER' });
    expect(await agent.clearMemport(3)).toMatchObject({ set: false, owner: 'none' });
    expect(events.filter((event) => event.kind === 'memport')).toEqual([
      { kind: 'memport', port: 3, set: true, by: 'rack-a' },
      { kind: 'memport', port: 3, set: false, by: 'local' },
      { kind: 'memport', port: 3, set: true, by: 'local' },
      { kind: 'memport', port: 3, set: false, by: 'local' },
    ]);
  });
});
