import { afterEach, beforeEach } from 'vitest';
import type { Agent } from '../../../src/agent/agent.js';
import type { EventBody } from '../../../src/agent/events.js';
import {
  LOCAL,
  type Attachment,
  type AttachmentMode,
  type Caller,
} from '../../../src/agent/types.js';
import { native } from '../../../src/native/index.js';
import type { RegisterBlock } from '../../../src/native/types.js';
import type { MortalAgent } from './crash.js';
import {
  begin,
  crash,
  makeWorld,
  SIZE,
  start,
  type Boot,
  type StartOptions,
  type World,
} from './world.js';

/** One brick, and the agents that live on it one after the other. */
export class Scene {
  world!: World;
  /** The agent that lives now, or lived last. */
  mortal!: MortalAgent;

  /** A new brick, and its first agent. */
  async open(): Promise<void> {
    this.world = makeWorld();
    this.mortal = await begin(this.world);
  }

  async close(): Promise<void> {
    await this.mortal.agent.close();
    this.world.brick.remove();
  }

  attach(
    id: string,
    mode: AttachmentMode = 'system-ram',
    caller: Caller = LOCAL,
  ): Promise<Attachment> {
    return this.mortal.agent.attach({ id, mode, size: SIZE }, caller);
  }

  /** Kills the agent; see `crash` in world.ts. */
  crash(lost: 'none' | 'unsafe', boot: Boot): void {
    crash(this.world, this.mortal, lost, boot);
  }

  /** Kills the agent at a point of a command, and keeps what it left. */
  async killAt(point: string, command: () => Promise<unknown>): Promise<void> {
    this.mortal.dieAt = point;
    void command().catch(() => {});
    await this.mortal.arrived();
    this.crash('unsafe', 'same boot');
  }

  /** The next agent, which has not reconciled yet. */
  async start(options: StartOptions = {}): Promise<void> {
    this.mortal = await start(this.world, options);
  }

  /** The next agent, after it has reconciled. */
  async next(): Promise<Agent> {
    this.mortal = await begin(this.world);
    return this.mortal.agent;
  }

  /** What the agent told about its reconcile. */
  reconciled(): EventBody | undefined {
    return this.mortal.events.find((event) => event.kind === 'reconciled');
  }

  /** Clears a memport past the agent. */
  clearPast(port: number): void {
    this.#meddle((block) => {
      block.staging.fill(0n, 0, 8);
      block.staging[0] = BigInt(port);
      block.program(1);
    });
  }

  /** Sets a memport past the agent. */
  setPast(port: number, start: bigint, size: bigint): void {
    this.#meddle((block) => {
      block.staging.fill(0n, 0, 8);
      block.staging.set([BigInt(port), start, start + size - 1n], 0);
      block.staging[6] = 1n;
      block.program(1);
    });
  }

  /** Writes to the registers past the agent, as another program would. */
  #meddle(change: (block: RegisterBlock) => void): void {
    const block = native.openRegisters({ path: this.world.brick.registers });
    change(block);
    block.close();
  }
}

/** A scene that is new for every test of the file that calls this. */
export function useScene(): Scene {
  const scene = new Scene();
  beforeEach(() => scene.open());
  afterEach(() => scene.close());
  return scene;
}
