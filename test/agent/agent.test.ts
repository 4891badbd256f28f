import { closeSync, openSync, readSync, truncateSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Agent } from '../../src/agent/agent.js';
import { MemoryJournal, type JournalStats } from '../../src/agent/attachments/journal.js';
import { JOURNAL_BUDGET_MS } from '../../src/agent/budget.js';
import { toJson } from '../../src/common/json.js';
import { LINK_STATUS_OFFSET, makeBrick, MIB, type TestBrick } from './brick.js';

let brick: TestBrick;
let agent: Agent | undefined;

async function open(made: TestBrick = makeBrick()): Promise<Agent> {
  brick = made;
  agent = await Agent.open(brick.config);
  return agent;
}

afterEach(async () => {
  await agent?.close();
  agent = undefined;
  brick.remove();
});

function poolBytes(offset: bigint, length: number): Buffer {
  const fd = openSync(brick.pool, 'r');
  const bytes = Buffer.alloc(length);
  readSync(fd, bytes, 0, length, Number(offset));
  closeSync(fd);
  return bytes;
}

function writePool(offset: bigint, text: string): void {
  const fd = openSync(brick.pool, 'r+');
  writeSync(fd, text, Number(offset));
  closeSync(fd);
}

/** As the other side of the fibre does it. */
function setLinks(status: bigint): void {
  const fd = openSync(brick.registers, 'r+');
  const word = Buffer.alloc(8);
  word.writeBigUInt64LE(status);
  writeSync(fd, word, 0, 8, LINK_STATUS_OFFSET);
  closeSync(fd);
}

describe('open', () => {
  test('a missing file, an unformatted one, a pool of another kind, a second agent', async () => {
    brick = makeBrick();
    const { config } = brick;
    const registers = { backend: 'file', path: `${brick.directory}/none` } as const;
    await expect(Agent.open({ ...config, registers })).rejects.toMatchObject({
      code: 'SDM_NOT_FOUND',
    });
    await expect(Agent.open({ ...config, pool: { pci: 'auto' } })).rejects.toMatchObject({
      code: 'SDM_CONFIG',
    });
    await expect(
      Agent.open({ ...config, pool: { path: `${brick.directory}/none` } }),
    ).rejects.toMatchObject({ code: 'SDM_CONFIG' });
    agent = await Agent.open(config);
    await expect(Agent.open(config)).rejects.toMatchObject({ code: 'SDM_BLOCK_LOCKED' });
  });

  test('a refused opening leaves the block unlocked', async () => {
    brick = makeBrick();
    const bad = { ...brick.config, pool: { path: `${brick.directory}/none` } };
    await expect(Agent.open(bad)).rejects.toMatchObject({ code: 'SDM_CONFIG' });
    await expect(open(brick)).resolves.toBeInstanceOf(Agent);
  });

  test('says what it has', async () => {
    const opened = await open();
    expect(opened.brick()).toMatchObject({
      brick: 'test',
      backend: 'file',
      pool: brick.pool,
      poolSize: 64n * MIB,
      translation: false,
      passive: true,
      nports: 32,
      windowBase: 0n,
    });
    const memory = await opened.memory();
    expect(memory.module.state).toBe('none');
    expect(memory.attachedBytes).toBe(0n);
  });
});

describe('attach', () => {
  beforeEach(() => open());

  test.each([
    ['an id that is none', { id: 'a b', mode: 'device', size: 2n * MIB }, 'SDM_INPUT'],
    ['an empty id', { id: '', mode: 'device', size: 2n * MIB }, 'SDM_INPUT'],
    ['a mode that is none', { mode: 'swap' as 'device', size: 2n * MIB }, 'SDM_INPUT'],
    ['a node for device', { mode: 'device', size: 2n * MIB, node: 1 }, 'SDM_INPUT'],
    ['no size', { mode: 'device', size: 0n }, 'SDM_INPUT'],
    ['an odd size', { mode: 'device', size: 3n }, 'SDM_INPUT'],
    ['too much', { mode: 'device', size: 64n * MIB }, 'SDM_NO_SPACE'],
    ['system-ram', { mode: 'system-ram', size: 2n * MIB }, 'SDM_MODE'],
  ] as const)('refuses %s and leaves nothing', async (_, request, code) => {
    await expect(agent!.attach(request)).rejects.toMatchObject({ code });
    expect(agent!.listAttachments()).toEqual([]);
    expect(agent!.memports().some((port) => port.set)).toBe(false);
  });

  test('device: a memport leads to a range of the pool file', async () => {
    const attachment = await agent!.attach({ id: 'a1', mode: 'device', size: 4n * MIB });
    expect(attachment).toMatchObject({
      id: 'a1',
      state: 'present',
      start: 32n * MIB,
      end: 36n * MIB - 1n,
      remote: 32n * MIB,
      memport: 0,
      node: -1,
      owner: 'local',
      device: { path: brick.pool, offset: 32n * MIB, size: 4n * MIB },
    });
    expect(attachment.steps.map((step) => step.step)).toEqual([
      'reserved',
      'wired',
      'linked',
      'programmed',
      'claimed',
      'present',
    ]);
    expect(agent!.memport(0)).toMatchObject({
      set: true,
      statusName: 'active',
      owner: 'attachment',
      attachment: 'a1',
      start: attachment.start,
      end: attachment.end,
      remote: attachment.remote,
    });
    expect(agent!.getAttachment('a1')).toEqual(attachment);
    expect((await agent!.memory()).shares.map((share) => share.usedBytes)).toEqual([0n, 4n * MIB]);
    expect(toJson(attachment)).toMatchObject({ start: '0x2000000', size: '0x400000' });
  });

  test('the same id and request is the same attachment, another request a conflict', async () => {
    const request = { id: 'a1', mode: 'device', size: 2n * MIB } as const;
    const [first, second] = await Promise.all([agent!.attach(request), agent!.attach(request)]);
    expect(second).toEqual(first);
    await expect(agent!.attach({ ...request, size: 4n * MIB })).rejects.toMatchObject({
      code: 'SDM_CONFLICT',
      message: expect.stringContaining('(size is 0x200000, and 0x400000 is asked for)'),
    });
    await expect(agent!.attach(request, { owner: 'rack', epoch: 1n })).rejects.toMatchObject({
      code: 'SDM_CONFLICT',
      message: expect.stringContaining('(its owner is local, and rack asks)'),
    });
    expect(agent!.listAttachments()).toHaveLength(1);
  });

  test('many at once get ranges and memports of their own', async () => {
    const all = await Promise.all(
      Array.from({ length: 16 }, () => agent!.attach({ mode: 'device', size: 2n * MIB })),
    );
    expect(new Set(all.map((a) => a.memport)).size).toBe(16);
    expect(new Set(all.map((a) => a.remote)).size).toBe(16);
    await expect(agent!.attach({ mode: 'device', size: 2n * MIB })).rejects.toMatchObject({
      code: 'SDM_NO_SPACE',
    });
    await Promise.all(all.map((a) => agent!.detach(a.id)));
    expect(agent!.memports().some((port) => port.set)).toBe(false);
  });

  test('all memports in use', async () => {
    await agent!.close();
    brick.remove();
    await open(makeBrick({ format: { nports: 2 } }));
    for (const id of ['a', 'b']) await agent!.attach({ id, mode: 'device', size: 2n * MIB });
    await expect(agent!.attach({ mode: 'device', size: 2n * MIB })).rejects.toMatchObject({
      code: 'SDM_NO_MEMPORT',
    });
  });

  test('goes over a link that is up, and waits for one that was named', async () => {
    setLinks(0b0100n);
    const first = await agent!.attach({ mode: 'device', size: 2n * MIB });
    expect(first.outId).toBe(2n);
    await expect(
      agent!.attach({ mode: 'device', size: 2n * MIB, outId: 5n }),
    ).rejects.toMatchObject({
      code: 'SDM_LINK_DOWN',
      details: { transceiver: 1, step: 'linked', undone: true },
    });
    expect(agent!.listAttachments()).toHaveLength(1);
    const waiting = agent!.attach({ mode: 'device', size: 2n * MIB, outId: 5n });
    setTimeout(() => setLinks(0b0110n), 30);
    expect(await waiting).toMatchObject({ state: 'present', outId: 5n });
    expect(agent!.transceivers()).toMatchObject([
      { up: false, memports: [] },
      { up: true, memports: [1] },
      { up: true, memports: [0] },
      { up: false, memports: [] },
    ]);
  });

  test('no pool: memports are served, attachments refused', async () => {
    await agent!.close();
    const { pool: _, ...config } = brick.config;
    agent = await Agent.open(config);
    await expect(agent.attach({ mode: 'device', size: 2n * MIB })).rejects.toMatchObject({
      code: 'SDM_NO_POOL',
    });
    await agent.setMemport(3, { start: 34n * MIB, size: 2n * MIB, remote: 34n * MIB });
    await agent.clearMemport(3);
  });
});

describe('detach', () => {
  beforeEach(() => open());

  test('of what is not there', async () => {
    await expect(agent!.detach('nobody')).rejects.toMatchObject({ code: 'SDM_NOT_FOUND' });
    expect(() => agent!.getAttachment('nobody')).toThrow(
      expect.objectContaining({ code: 'SDM_NOT_FOUND' }),
    );
  });

  test('clears the memport and scrubs the bytes; again it is the same answer', async () => {
    const { remote } = await agent!.attach({ id: 'a1', mode: 'device', size: 2n * MIB });
    writePool(remote, 'secret');
    const freed = await agent!.detach('a1');
    expect(freed.state).toBe('free');
    expect(freed.steps.map((step) => step.step).slice(6)).toEqual([
      'absent',
      'scrubbed',
      'flushed',
      'released',
      'cleared',
      'unwired',
      'free',
    ]);
    expect(poolBytes(remote, 6)).toEqual(Buffer.alloc(6));
    expect(agent!.memport(0)).toMatchObject({ set: false, status: 0, owner: 'none' });
    expect(agent!.listAttachments()).toEqual([]);
    expect(await agent!.detach('a1')).toEqual(freed);
    expect((await agent!.attach({ id: 'a1', mode: 'device', size: 4n * MIB })).size).toBe(4n * MIB);
  });

  test('keeps the bytes that are to be retained', async () => {
    const kept = await agent!.attach({ id: 'k', mode: 'device', size: 2n * MIB, retain: true });
    writePool(kept.remote, 'kept');
    await agent!.detach('k');
    expect(poolBytes(kept.remote, 4).toString()).toBe('kept');
    await agent!.attach({ id: 'l', mode: 'device', size: 2n * MIB, remote: kept.remote });
    await agent!.detach('l', { retain: true });
    expect(poolBytes(kept.remote, 4).toString()).toBe('kept');
  });

  test('a shared range keeps its bytes unless told otherwise', async () => {
    const request = { mode: 'device', size: 2n * MIB, shared: true, remote: 4n * MIB } as const;
    await agent!.attach({ ...request, id: 's' });
    writePool(4n * MIB, 'shared');
    const freed = await agent!.detach('s');
    expect(freed.steps.map((step) => step.step)).not.toContain('scrubbed');
    expect(poolBytes(4n * MIB, 6).toString()).toBe('shared');
    await agent!.attach({ ...request, id: 's' });
    await agent!.detach('s', { retain: false });
    expect(poolBytes(4n * MIB, 6)).toEqual(Buffer.alloc(6));
  });

  test("another owner's only with override", async () => {
    await agent!.attach({ id: 'a1', mode: 'device', size: 2n * MIB }, { owner: 'rack', epoch: 1n });
    await expect(agent!.detach('a1')).rejects.toMatchObject({ code: 'SDM_NOT_OWNER' });
    expect((await agent!.detach('a1', { override: true })).state).toBe('free');
  });

  test('a scrub that fails keeps the range until it is tried again', async () => {
    await agent!.attach({ id: 'a1', mode: 'device', size: 2n * MIB });
    truncateSync(brick.pool, Number(16n * MIB));
    await expect(agent!.detach('a1')).rejects.toMatchObject({
      code: 'SDM_FAILED',
      details: { step: 'scrubbed', left: expect.arrayContaining(['program', 'claim', 'scrub']) },
    });
    expect(agent!.getAttachment('a1')).toMatchObject({
      state: 'failed',
      error: { code: 'SDM_FAILED' },
    });
    expect(agent!.memport(0).set).toBe(true);
    await expect(agent!.attach({ id: 'a1', mode: 'device', size: 2n * MIB })).rejects.toMatchObject(
      { code: 'SDM_CONFLICT' },
    );
    truncateSync(brick.pool, Number(64n * MIB));
    expect((await agent!.detach('a1')).state).toBe('free');
    expect(agent!.memport(0).set).toBe(false);
  });
});

describe('after a restart', () => {
  test('memports that are set are foreign, and nothing is put over them', async () => {
    await open();
    await agent!.attach({ id: 'a1', mode: 'device', size: 2n * MIB });
    await agent!.close();
    agent = await Agent.open(brick.config);
    expect(agent.memport(0)).toMatchObject({ set: true, owner: 'foreign' });
    const next = await agent.attach({ id: 'a2', mode: 'device', size: 2n * MIB });
    expect(next).toMatchObject({ memport: 1, remote: 34n * MIB });
    await expect(agent.clearMemport(0)).rejects.toMatchObject({ code: 'SDM_MEMPORT_FOREIGN' });
    expect(await agent.clearMemport(0, { override: true })).toMatchObject({ set: false });
  });

  test('after close every command is refused', async () => {
    await open();
    await agent!.close();
    await expect(agent!.attach({ mode: 'device', size: 2n * MIB })).rejects.toMatchObject({
      code: 'SDM_STOPPING',
    });
    await agent!.close();
  });
});

/** A journal whose disk has not answered for a while. */
class SlowJournal extends MemoryJournal {
  lagMs = 0;

  override stats(): JournalStats {
    return { ...super.stats(), pending: 1, lagMs: this.lagMs };
  }
}

test('a disk that hangs under the journal is noticed, though no command keeps its turn', async () => {
  brick = makeBrick();
  const journal = new SlowJournal();
  agent = await Agent.open(brick.config, { journal });
  journal.lagMs = JOURNAL_BUDGET_MS;
  expect(agent.overdue()).toBeUndefined();
  journal.lagMs = JOURNAL_BUDGET_MS + 1_000;
  expect(agent.overdue()).toMatch(/^the journal has been waiting for its disk for 301 s/);
  journal.lagMs = 0;
  expect(agent.overdue()).toBeUndefined();
});
