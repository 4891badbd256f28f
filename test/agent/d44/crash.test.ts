import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Command } from '../../../src/abi/d44/index.js';
import { Agent } from '../../../src/agent/agent.js';
import { RemoteMemory } from '../../../src/agent/d44.js';
import type { Faults } from '../../../src/agent/faults.js';
import { native } from '../../../src/native/index.js';
import type { Native, RegisterBlock } from '../../../src/native/types.js';
import { makeBrick, MIB, type TestBrick } from '../brick.js';
import { TestJournal } from '../test-journal.js';

const SIZE = 2n * MIB;
const BASE = 0x4_0000_0000n;
/** Three segments one after the other, with the slip of the document's example. */
const SEGMENTS = [0n, 1n, 2n].map((i) => ({
  start: BASE + i * SIZE,
  end: BASE + (i + 1n) * SIZE - 1n,
  remote: 4n * MIB + i,
  net: 0n,
}));
const ALL: Command = { action: 'Remove', cIP: undefined, segments: SEGMENTS };
const BYTES = Number(SIZE) + 2;

/** Where an agent may be killed while it removes the three. */
const POINTS = [
  'detach.journalled',
  'down.expose.after',
  'down.scrub.before',
  'down.scrub.after',
  'down.program.before',
  'down.program.after',
  'detach.undone',
  'detach.forgotten',
];

let brick: TestBrick;
let blocks: RegisterBlock[];
beforeEach(() => {
  blocks = [];
  brick = makeBrick({
    poolSize: 16n * MIB,
    format: { profile: 'zynq', granule: SIZE, windowBase: BASE },
    shares: [{ start: SIZE, size: 14n * MIB, shared: false }],
    config: { checks: { alignment: false, remoteOverlap: false } },
  });
});
afterEach(() => {
  for (const block of blocks) block.close();
  brick.remove();
});

/** An agent whose lock a test can take away, as a kill does. */
function open(journal: TestJournal, faults?: Faults, bootId = 'boot 1'): Promise<Agent> {
  const tracking: Native = {
    ...native,
    openRegisters(source, options) {
      const block = native.openRegisters(source, options);
      blocks.push(block);
      return block;
    },
  };
  const deps = { native: tracking, journal, bootId };
  return Agent.open(brick.config, faults === undefined ? deps : { ...deps, faults });
}

/** Bytes of the three that are not zero. */
function left(): number {
  const fd = openSync(brick.pool, 'r');
  const bytes = Buffer.alloc(BYTES);
  readSync(fd, bytes, 0, BYTES, Number(4n * MIB));
  closeSync(fd);
  return bytes.reduce((count, byte) => count + (byte === 0 ? 0 : 1), 0);
}

function fill(): void {
  const fd = openSync(brick.pool, 'r+');
  writeSync(fd, Buffer.alloc(BYTES, 0xa5), 0, BYTES, Number(4n * MIB));
  closeSync(fd);
}

describe('segments that lead to the same bytes leave none behind', () => {
  test.each(
    POINTS.flatMap((point) =>
      (['none', 'unsafe'] as const).flatMap((lost) =>
        (['boot 1', 'boot 2'] as const).map((boot) => [point, lost, boot] as const),
      ),
    ),
  )('killed at %s, journal lost: %s, started again in %s', async (point, lost, boot) => {
    const journal = new TestJournal();
    let arrive = (): void => {};
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    const faults: Faults = {
      at(place) {
        if (place !== point) return;
        arrive();
        return new Promise(() => {}); // never goes on
      },
    };
    const first = await open(journal, faults);
    await new RemoteMemory(first, undefined).run({ ...ALL, action: 'Add' } as Command);
    fill();
    void new RemoteMemory(first, undefined).run(ALL);
    await arrived;
    for (const block of blocks.splice(0)) block.close();

    const second = await open(journal.crashed(lost), undefined, boot);
    await second.reconcile();
    const still = second.listAttachments();
    for (const { id, state, waits } of still) {
      expect([id, state === 'present' || waits !== undefined]).toEqual([id, true]);
      await second.detach(id);
    }
    expect(left()).toBe(0);
    expect(second.memports().filter(({ set }) => set)).toEqual([]);
    await second.close();
  });
});
