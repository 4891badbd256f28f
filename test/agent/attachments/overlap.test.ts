import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeStaging } from '../../../src/abi/codec.js';
import { Agent } from '../../../src/agent/agent.js';
import type { Attachment, Caller } from '../../../src/agent/types.js';
import { native } from '../../../src/native/index.js';
import { makeBrick, MIB, type TestBrick } from '../brick.js';
import { readWord, writeWord } from '../registers.js';
import { TestJournal } from '../test-journal.js';

const SIZE = 4n * MIB;
const SHARED = 36n * MIB;
const RACK: Caller = { owner: 'rack', epoch: 1n };

let brick: TestBrick;
let agent: Agent;
let journal: TestJournal;

beforeEach(() => {
  brick = makeBrick({
    format: { profile: 'zynq', granule: 2n * MIB, nports: 8 },
    config: { checks: { alignment: true, remoteOverlap: false } },
  });
  journal = new TestJournal();
});
afterEach(async () => {
  await agent.close();
  brick.remove();
});

async function open(remoteOverlap = false, bootId = 'boot 1'): Promise<void> {
  const config = { ...brick.config, checks: { alignment: true, remoteOverlap } };
  agent = await Agent.open(config, { journal, bootId });
  await agent.reconcile();
}

/** A local range that the attachment does not take, leading to the second half of its bytes. */
function spec() {
  const { windowBase, windowSize } = agent.brick();
  return { start: windowBase + windowSize - SIZE, size: SIZE, remote: SHARED };
}

/** Half of its bytes are before SHARED; each half begins and ends with a word. */
async function attach(): Promise<Attachment> {
  const a = await agent.attach({ id: 'a', mode: 'device', size: 2n * SIZE, remote: SHARED - SIZE });
  for (const at of words()) writeWord(brick.pool, at, 0xa5n);
  return a;
}

const words = (): number[] =>
  [SHARED - SIZE, SHARED - 8n, SHARED, SHARED + SIZE - 8n].map((at) => Number(at));
const pool = (): bigint[] => words().map((at) => readWord(brick.pool, at));

describe('bytes of an attachment that a memport leads to as well', () => {
  test('are zeroed where that memport was overridden: they are to be its alone', async () => {
    await open(true);
    await attach();
    await agent.setMemport(7, spec(), { override: true });
    await agent.detach('a');
    expect(pool()).toEqual([0n, 0n, 0n, 0n]);
  });

  test('set by hand: stay, and the rest is zeroed', async () => {
    await open();
    await attach();
    await agent.setMemport(7, spec());
    await agent.detach('a');
    expect(pool()).toEqual([0n, 0n, 0xa5n, 0xa5n]);
    expect(agent.memport(7)).toMatchObject({ set: true, owner: 'manual' });
  });

  test('set by hand, and cleared before: are zeroed', async () => {
    await open();
    await attach();
    await agent.setMemport(7, spec());
    await agent.clearMemport(7);
    await agent.detach('a');
    expect(pool()).toEqual([0n, 0n, 0n, 0n]);
  });

  test('that waits for its controller since a boot: stay', async () => {
    await open();
    await attach();
    await agent.setMemport(7, spec(), {}, RACK);
    await agent.close();
    await open(false, 'boot 2');
    expect(agent.memport(7)).toMatchObject({ set: false, owner: 'manual', by: 'rack' });
    await agent.detach('a');
    expect(pool()).toEqual([0n, 0n, 0xa5n, 0xa5n]);
  });

  test('that nobody here knows: stay', async () => {
    await open();
    await attach();
    const { start, size, remote } = spec();
    await agent.close();
    const block = native.openRegisters({ path: brick.registers });
    const fields = { port: 7, start, end: start + size - 1n, remote, outId: 0n, inId: 0n };
    writeStaging(block.staging, 0, { ...fields, set: true });
    block.program(1);
    block.close();
    await open();
    expect(agent.memport(7)).toMatchObject({ set: true, remote, owner: 'foreign' });
    await agent.detach('a');
    expect(pool()).toEqual([0n, 0n, 0xa5n, 0xa5n]);
  });
});
