import type { Caller } from '../../../src/agent/types.js';
import { native } from '../../../src/native/index.js';
import { makeBrick, MIB, type TestBrick, type TestBrickOptions } from '../brick.js';
import { ModelMemory, reachedThrough } from '../model-memory.js';
import { TestJournal } from '../test-journal.js';
import { live, type MortalAgent } from './crash.js';

export const BLOCK = 4n * MIB;
/** Of every attachment: two memory blocks. */
export const SIZE = 2n * BLOCK;
/** A controller in its first term. */
export const RACK: Caller = { owner: 'rack', epoch: 1n };
/** A memport by hand, at the end of window and pool. */
export const SPEC = { start: 60n * MIB, size: BLOCK, remote: 60n * MIB };

/** A brick and all that outlives its agent. */
export interface World {
  readonly brick: TestBrick;
  memory: ModelMemory;
  journal: TestJournal;
  boot: number;
}

export function makeWorld(options: TestBrickOptions = {}): World {
  const memory = new ModelMemory(BLOCK);
  return { brick: makeBrick(options), memory, journal: new TestJournal(), boot: 1 };
}

export interface StartOptions {
  readonly dieAt?: string;
  readonly visit?: (point: string) => void;
}

/** Starts an agent on what is there. Bytes are reached only through a memport that is set. */
export async function start(world: World, options: StartOptions = {}): Promise<MortalAgent> {
  const { brick, memory, journal, boot } = world;
  const { config } = brick;
  const mortal = await live({ config, memory, journal, bootId: `boot ${boot}`, ...options });
  memory.reaches = reachedThrough(() => mortal.agent.memports());
  return mortal;
}

/** Starts an agent and waits until it has reconciled. */
export async function begin(world: World, options: StartOptions = {}): Promise<MortalAgent> {
  const mortal = await start(world, options);
  await mortal.agent.reconcile();
  return mortal;
}

export type Boot = 'same boot' | 'registers kept' | 'registers cleared';

/**
 * Kills the agent, and makes the brick what the next one finds.
 * @param lost what of the journal; see TestJournal.crashed.
 */
export function crash(
  world: World,
  mortal: MortalAgent,
  lost: 'none' | 'unsafe',
  boot: Boot,
): void {
  mortal.kill();
  world.journal = world.journal.crashed(lost);
  world.memory.faults.clear();
  if (boot === 'same boot') return;
  world.boot++;
  const { dirty } = world.memory;
  world.memory = new ModelMemory(BLOCK);
  world.memory.dirty = dirty;
  if (boot === 'registers kept') return;
  const poolSize = 64n * MIB;
  native.formatRegisters(
    { path: world.brick.registers },
    { profile: 'generic', windowSize: poolSize, remoteSize: poolSize, force: true },
  );
}
