import { Agent } from '../../../src/agent/agent.js';
import type { EventBody } from '../../../src/agent/events.js';
import type { Faults } from '../../../src/agent/faults.js';
import type { AgentConfig } from '../../../src/agent/types.js';
import { native } from '../../../src/native/index.js';
import type { Native, RegisterBlock } from '../../../src/native/types.js';
import type { ModelMemory } from '../model-memory.js';
import type { TestJournal } from '../test-journal.js';

/** Longest wait for an agent to come to a place; nothing it does there takes time. */
const ARRIVE_MS = 10_000;

export interface Life {
  readonly config: AgentConfig;
  readonly memory: ModelMemory;
  readonly journal: TestJournal;
  readonly bootId?: string;
  /** Where it is to stop for ever, already in its beginning. */
  readonly dieAt?: string;
  /** Told of every place that it comes by. */
  readonly visit?: (point: string) => void;
}

/** An agent that can be ended as a kill ends it: nothing of it goes on, and its lock is gone. */
export interface MortalAgent {
  readonly agent: Agent;
  readonly events: EventBody[];
  /** Where it is to stop for ever, from now on. */
  dieAt: string | undefined;
  /** Resolves when it stands where it is to die. */
  arrived(): Promise<void>;
  /** Drops it. It is not told. */
  kill(): void;
  /** Waits until it has reconciled, and closes it in order. */
  end(): Promise<void>;
}

export async function live(life: Life): Promise<MortalAgent> {
  const blocks: RegisterBlock[] = [];
  const tracking: Native = {
    ...native,
    openRegisters(source, options) {
      const block = native.openRegisters(source, options);
      blocks.push(block);
      return block;
    },
  };
  const events: EventBody[] = [];
  let arrive = (): void => {};
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  const mortal: Pick<MortalAgent, 'dieAt'> = { dieAt: life.dieAt };
  const faults: Faults = {
    at(point) {
      life.visit?.(point);
      if (point !== mortal.dieAt) return;
      arrive();
      return new Promise(() => {}); // never goes on
    },
  };
  const agent = await Agent.open(life.config, {
    native: tracking,
    memory: life.memory,
    journal: life.journal,
    bootId: life.bootId ?? 'boot 1',
    observer: { event: (event) => events.push(event), step() {} },
    faults,
  });
  return Object.assign(mortal, {
    agent,
    events,
    arrived: (): Promise<void> => within(arrived, `the agent to come to ${mortal.dieAt}`),
    kill() {
      for (const block of blocks) block.close();
    },
    async end(): Promise<void> {
      await agent.reconcile();
      await agent.close();
    },
  });
}

async function within(promise: Promise<void>, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ARRIVE_MS} ms for ${what}`)), ARRIVE_MS);
    timer.unref();
  });
  late.catch(() => {});
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
