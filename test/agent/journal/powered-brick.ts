import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Agent } from '../../../src/agent/agent.js';
import type { Journal } from '../../../src/agent/attachments/journal.js';
import { openJournal } from '../../../src/agent/journal/index.js';
import { RESERVE_SIZE } from '../../../src/agent/journal/reserve.js';
import { readPolicy, withPolicyOffline } from '../../../src/agent/memory/policy.js';
import type { MappedRange, MemoryPath } from '../../../src/agent/memory/types.js';
import { native } from '../../../src/native/index.js';
import type { Native, RegisterBlock } from '../../../src/native/types.js';
import { makeBrick, MIB, type TestBrick } from '../brick.js';
import { ModelMemory, reachedThrough, remoteUnits } from '../model-memory.js';
import { makeTree, type Tree } from '../tree.js';
import { listen } from './entries.js';
import { PowerLossDisk, type Choose } from './power-loss.js';

export const BLOCK = 4n * MIB;
const POOL = 64n * MIB;
const POLICY = 'devices/system/memory/auto_online_blocks';

/** How an agent ends: what is gone with it. */
export type End = 'killed' | 'power lost, registers kept' | 'power lost, registers cleared';

/** A model of a kernel with a policy for new memory, which the agent must put aside for an add. */
class KernelWithPolicy extends ModelMemory {
  /** Of the agent that uses it now; nobody else is answered. */
  agent: AgentOnBrick | undefined;

  constructor(readonly sysfs: string) {
    super(BLOCK);
  }

  override add(range: MappedRange, node: number): Promise<void> {
    const { agent } = this;
    if (agent === undefined) return super.add(range, node);
    return withPolicyOffline(
      agent.native,
      this.sysfs,
      (saved) => agent.journal.record({ kind: 'policy', saved }),
      () => super.add(range, node),
      { at: (point) => agent.at(point) },
    );
  }
}

/** An agent with a real journal, on a disk that loses what was not synced. */
export interface AgentOnBrick {
  readonly agent: Agent;
  readonly journal: Journal;
  readonly native: Native;
  /** From now on it does not come past a fault point. @returns when it stands there. */
  dieAt(point: string): Promise<void>;
  /** Called at every fault point. */
  at(point: string): void | Promise<void>;
}

/** A brick, and everything that outlives its agent. */
export class PoweredBrick {
  readonly disk = new PowerLossDisk();
  readonly #brick: TestBrick = makeBrick({ poolSize: POOL });
  readonly #sysfs: Tree = makeTree({ [POLICY]: 'online\n' });
  memory = new KernelWithPolicy(this.#sysfs.root);
  #blocks: RegisterBlock[] = [];
  #boot = 1;
  #life = 1;

  constructor() {
    // Made here once, so that no test waits for it to be made.
    this.disk.put('journal.reserve', Buffer.alloc(RESERVE_SIZE));
  }

  /** @param visit told of every fault point. @param last one that the agent does not come past. */
  async start(visit?: (point: string) => void, last?: string): Promise<AgentOnBrick> {
    const { disk, memory } = this;
    const life = this.#life;
    const blocks = (this.#blocks = []) as RegisterBlock[];
    const mine: Native = {
      ...native,
      openRegisters(source, options) {
        const block = native.openRegisters(source, options);
        blocks.push(block);
        return block;
      },
      writeWithDeadline: (path, text) => this.#answer(life, () => writeFileSync(path, text)),
    };
    const journal = await openJournal('/state', { log: listen(), fs: disk.fs() });
    let end = last;
    let arrive = (): void => {};
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    const dieAt = (point: string): Promise<void> => {
      end = point;
      return arrived;
    };
    const at = (point: string): void | Promise<void> => {
      visit?.(point);
      if (point !== end) return;
      arrive();
      return new Promise(() => {}); // never goes on
    };
    const parts = { journal, native: mine, dieAt, at };
    memory.agent = { ...parts, agent: undefined as never };
    const agent = await Agent.open(
      { ...this.#brick.config, sysfs: this.#sysfs.root },
      {
        journal,
        memory: this.#memoryOf(life),
        native: mine,
        faults: { at },
        bootId: `boot ${this.#boot}`,
      },
    );
    memory.reaches = reachedThrough(() => agent.memports());
    return { ...parts, agent };
  }

  /** Does what an agent asks for while it lives; after that nobody is answered. */
  #answer<T>(life: number, act: () => T): Promise<Awaited<T>> {
    if (life !== this.#life) return new Promise(() => {});
    return Promise.resolve(act());
  }

  /** The kernel as one agent sees it: what that asked for before it ended, is still done. */
  #memoryOf(life: number): MemoryPath {
    const { memory } = this;
    return {
      kind: memory.kind,
      blockSize: memory.blockSize,
      prepare: () => memory.prepare(),
      held: () => memory.held(),
      use: (range) => memory.use(range),
      view: () => memory.view(),
      claim: (range) => this.#answer(life, () => memory.claim(range)),
      release: (range) => this.#answer(life, () => memory.release(range)),
      add: (range, node) => this.#answer(life, () => memory.add(range, node)),
      remove: (range) => this.#answer(life, () => memory.remove(range)),
      online: (range) => this.#answer(life, () => memory.online(range)),
      offline: (range) => this.#answer(life, () => memory.offline(range)),
      expose: (range) => this.#answer(life, () => memory.expose(range)),
      conceal: (range) => this.#answer(life, () => memory.conceal(range)),
      scrub: (range, keep) => this.#answer(life, () => memory.scrub(range, keep)),
      flush: (range) => this.#answer(life, () => memory.flush(range)),
    };
  }

  /** Ends the agent where it stands. It is not told, and nothing that it does counts any more. */
  end(how: End, choose: Choose): void {
    this.#life += 1;
    for (const block of this.#blocks) block.close();
    this.memory.faults.clear();
    if (how === 'killed') return this.disk.kill();
    this.disk.crash(choose);
    this.#boot += 1;
    const { dirty } = this.memory;
    this.#sysfs.write({ [POLICY]: 'online\n' });
    this.memory = new KernelWithPolicy(this.#sysfs.root);
    this.memory.dirty = dirty;
    if (how === 'power lost, registers kept') return;
    native.formatRegisters(
      { path: this.#brick.registers },
      { profile: 'generic', windowSize: POOL, remoteSize: POOL, force: true },
    );
  }

  remove(): void {
    for (const block of this.#blocks) block.close();
    this.#brick.remove();
    this.#sysfs.remove();
  }

  /** Holds after every reconcile: what is set is owned, and what is known is in use, or waits. */
  expectConverged({ agent, journal }: AgentOnBrick): void {
    const { memory } = this;
    const attachments = agent.listAttachments();
    const set = agent.memports().filter((port) => port.set);
    for (const port of set) expect(['attachment', 'manual']).toContain(port.owner);
    const used = attachments.filter((a) => a.waits === undefined);
    for (const a of used) {
      expect(a).toMatchObject({ state: a.mode === 'device' ? 'present' : 'online' });
      expect(set.filter((port) => port.attachment === a.id)).toMatchObject([
        { port: a.memport, start: a.start, end: a.end, remote: a.remote },
      ]);
      const region = memory.region(a);
      expect(region?.state).toBe(a.mode === 'device' ? 'device' : 'ram');
      expect([...(region?.online ?? [])]).toEqual(a.blocks ?? []);
    }
    // nothing that is nobody's, and nothing twice
    const starts = (ranges: readonly { start: bigint }[]) => ranges.map((r) => r.start).sort();
    expect(starts([...memory.regions.values()].map(({ range }) => range))).toEqual(starts(used));
    expect(set.filter((port) => port.owner === 'attachment')).toHaveLength(used.length);
    expect(new Set(attachments.map((a) => a.memport)).size).toBe(attachments.length);
    expect(new Set(attachments.map((a) => a.remote)).size).toBe(attachments.length);
    // bytes of what is gone are zero again
    const theirs = new Set(attachments.flatMap((a) => remoteUnits(a)));
    expect([...memory.dirty].filter((unit) => !theirs.has(unit))).toEqual([]);
    // the journal says the same
    const state = journal.state();
    expect([...state.attachments.values()].map(({ record, doing }) => [record.id, doing])).toEqual(
      attachments.map(({ id }) => [id, undefined]),
    );
    expect(state.policy).toBeNull();
    expect(readPolicy(join(this.#sysfs.root))).toBe('online');
  }
}
