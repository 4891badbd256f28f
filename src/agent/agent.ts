import { randomBytes } from 'node:crypto';
import { checkIndex } from '../abi/numbers.js';
import { featureNames, hasFeature } from '../abi/codec.js';
import { AttachmentCommands } from './attachments/commands.js';
import { Machine } from './attachments/machine.js';
import { Reconciler } from './attachments/reconcile.js';
import { checkRequest } from './attachments/reserve.js';
import { AttachmentTable } from './attachments/table.js';
import { poolName } from './backend/pool.js';
import type { LinkState } from './backend/types.js';
import { Commander } from './commander.js';
import { ManualMemports } from './manual.js';
import { describeMemory } from './memory/index.js';
import { messageOf } from './memory/errors.js';
import { restorePolicy } from './memory/policy.js';
import { Memports } from './memports.js';
import { openParts, type AgentDeps, type Parts } from './parts.js';
import type { Turn } from './queue.js';
import { Restorer } from './restorer.js';
import {
  ALL_CHECKS,
  LOCAL,
  type AgentConfig,
  type AgentCore,
  type AttachRequest,
  type Attachment,
  type BrickView,
  type Caller,
  type DetachOptions,
  type Ensured,
  type JournalView,
  type MemoryView,
  type MemportOptions,
  type MemportSpec,
  type MemportView,
  type TransceiverView,
} from './types.js';

export type { AgentDeps } from './parts.js';

/** One brick: its memports, and the remote memory that it attaches through them. */
export class Agent implements AgentCore {
  readonly #config: AgentConfig;
  readonly #parts: Parts;
  readonly #table = new AttachmentTable();
  readonly #memports: Memports;
  readonly #manual: ManualMemports;
  readonly #commands: AttachmentCommands;
  readonly #commander: Commander;
  readonly #reconciler: Reconciler;
  readonly #restorer: Restorer;

  private constructor(config: AgentConfig, parts: Parts) {
    this.#config = config;
    this.#parts = parts;
    const { native } = parts;
    const { shares, checks = ALL_CHECKS } = config;
    const table = this.#table;
    const machine = new Machine(parts);
    const commander = new Commander(config, parts, table);
    this.#commander = commander;
    const memports = new Memports({ ...parts, table });
    const manual = new ManualMemports({ ...parts, memports, machine, table, shares, checks });
    const sysfs = config.sysfs ?? '/sys';
    this.#memports = memports;
    this.#manual = manual;
    this.#commands = new AttachmentCommands(
      { ...parts, memports, machine, table, shares, checks },
      config.node,
    );
    this.#reconciler = new Reconciler({
      ...parts,
      machine,
      memports,
      manual,
      table,
      restorePolicy: (saved) => restorePolicy(native, sysfs, saved),
    });
    this.#restorer = new Restorer({
      ...parts,
      table,
      memports,
      manual,
      reconciler: this.#reconciler,
      run: (name, keys, task) =>
        this.#commander.run(
          name,
          LOCAL,
          (turn) => task(this.#commander.context(turn, { linkTimeoutMs: 0 })),
          keys,
        ),
    });
  }

  /**
   * Opens and locks the register block, and takes the window if the kernel's side is there. Without
   * module or pool the agent serves what is possible, and says at an attach what is missing. Begins
   * to reconcile: commands wait for that, questions are answered.
   * @throws SDM_NO_REGISTERS, SDM_CONFIG, SDM_JOURNAL_FOREIGN, and the addon's errors for a block
   * that is locked, foreign or not to be opened; the journal is then still open.
   */
  static async open(config: AgentConfig, deps: AgentDeps = {}): Promise<Agent> {
    const agent = new Agent(config, await openParts(config, deps));
    await agent.#begin();
    return agent;
  }

  /**
   * Resolves when journal, registers and kernel have been compared, and what is this agent's own
   * was completed, undone or put right. Commands that come before wait for it.
   * @throws SDM_JOURNAL: nothing can be journalled, and every command is refused.
   */
  reconcile(): Promise<void> {
    return this.#commander.reconciled;
  }

  async #begin(): Promise<void> {
    const { memory, log } = this.#parts;
    this.#reconciler.load();
    try {
      await memory.prepare('device', -1);
    } catch (error) {
      log.warn({ err: error }, `attachments are not possible yet: ${messageOf(error)}`);
    }
    this.#commander.begin((context) => this.#reconciler.run(context));
  }

  brick(): BrickView {
    const { info, kind, registers, pool } = this.#parts.backend;
    return {
      brick: this.#config.brick,
      backend: kind,
      registers,
      ...(pool === undefined ? {} : { pool: poolName(pool), poolSize: pool.size }),
      features: featureNames(info.features),
      translation: hasFeature(info.features, 'translation'),
      passive: info.passive,
      nports: info.nports,
      ntransceivers: info.ntransceivers,
      windowBase: info.windowBase,
      windowSize: info.windowSize,
      remoteSize: info.remoteSize,
      granule: info.granule,
      checks: this.#config.checks ?? ALL_CHECKS,
    };
  }

  listAttachments(): Attachment[] {
    return this.#commands.views();
  }

  getAttachment(id: string): Attachment {
    return this.#commands.view(this.#table.get(id));
  }

  /**
   * Attaches remote memory; returns when it is in use. The same id with the same request is the
   * same attachment. After an error nothing is left, unless it is SDM_FAILED.
   * @throws SDM_INPUT, SDM_CONFLICT, SDM_TIMEOUT; SDM_MODE, SDM_NO_POOL, SDM_NO_MODULE,
   * SDM_WRONG_MODULE, SDM_WINDOW; SDM_NOT_OURS, SDM_RANGE_TAKEN, SDM_NO_SPACE, SDM_NO_MEMPORT;
   * SDM_LINK_DOWN, SDM_MEMPORT_REFUSED, SDM_KERNEL_REFUSED, SDM_FAILED; SDM_STALE_EPOCH, SDM_JOURNAL.
   */
  async attach(request: AttachRequest, caller: Caller = LOCAL): Promise<Attachment> {
    return (await this.ensure(request, caller)).attachment;
  }

  /** As `attach`; says whether it was this call that made it. @throws as `attach`. */
  async ensure(request: AttachRequest, caller: Caller = LOCAL): Promise<Ensured> {
    const id = request.id ?? `a-${randomBytes(5).toString('hex')}`;
    checkRequest(id, request);
    const task = (turn: Turn): Promise<Ensured> =>
      this.#commands.attach(this.#commander.context(turn, { caller }), id, request, caller);
    return this.#commander.run(`attach ${id}`, caller, task, [id], () =>
      this.#commander.budgetMs(request.size),
    );
  }

  /**
   * Gives an attachment back; returns when nothing is left of it, with state `free`. Again for one
   * that was freed before: the same answer.
   * @throws SDM_NOT_FOUND, SDM_NOT_OWNER, SDM_TIMEOUT; SDM_OFFLINE_REFUSED, SDM_DEVICE_MAPPED: the
   * attachment is as before; SDM_FAILED: it is `failed`, and detach can be tried again;
   * SDM_STALE_EPOCH, SDM_JOURNAL.
   */
  async detach(
    id: string,
    options: DetachOptions = {},
    caller: Caller = LOCAL,
  ): Promise<Attachment> {
    const context = { ...options, caller };
    const task = (turn: Turn): Promise<Attachment> =>
      this.#commands.detach(this.#commander.context(turn, context), id, options, caller);
    const budget = (): number =>
      this.#commander.budgetMs(this.#table.find(id)?.request.size ?? 0n, options.offlineTimeoutMs);
    return this.#commander.run(`detach ${id}`, caller, task, [id], budget);
  }

  memports(): MemportView[] {
    return this.#memports.views();
  }

  memport(port: number): MemportView {
    return this.#memports.view(port);
  }

  /**
   * Sets a memport by hand.
   * @throws SDM_INPUT; SDM_MEMPORT_FOREIGN, SDM_MEMPORT_OWNED, SDM_MEMPORT_SET, SDM_NOT_OWNER,
   * SDM_NOT_OURS, SDM_RANGE_TAKEN (none of them with override); SDM_MEMPORT_LIVE;
   * SDM_MEMPORT_REFUSED; SDM_STALE_EPOCH, SDM_JOURNAL.
   */
  async setMemport(
    port: number,
    spec: MemportSpec,
    options: MemportOptions = {},
    caller: Caller = LOCAL,
  ): Promise<MemportView> {
    return this.#commander.onMemport(`set of memport ${port}`, port, options, caller, (context) =>
      this.#manual.set(context, port, spec, options, caller),
    );
  }

  /**
   * Clears a memport. One that is clear stays so.
   * @throws SDM_INPUT; SDM_MEMPORT_FOREIGN, SDM_MEMPORT_OWNED, SDM_NOT_OWNER (not with override);
   * SDM_MEMPORT_LIVE; SDM_MEMPORT_REFUSED; SDM_STALE_EPOCH, SDM_JOURNAL.
   */
  async clearMemport(
    port: number,
    options: MemportOptions = {},
    caller: Caller = LOCAL,
  ): Promise<MemportView> {
    return this.#commander.onMemport(`clear of memport ${port}`, port, options, caller, (context) =>
      this.#manual.clear(context, port, options, caller),
    );
  }

  transceivers(): TransceiverView[] {
    return this.#memports.transceivers();
  }

  links(): LinkState {
    return this.#parts.backend.links();
  }

  journal(): JournalView {
    const { journal } = this.#parts;
    return { stats: journal.stats(), epoch: journal.state().epoch };
  }

  /**
   * To be called when a link has changed: what waits since a boot for it to be up is tried again.
   * Resolves when that has been tried; never rejects.
   */
  linkChanged(transceiver: number, up: boolean): Promise<void> {
    return up ? this.#restorer.linkUp(transceiver) : Promise.resolve();
  }

  /** Asks the logic to reset a transceiver. @throws SDM_INPUT, SDM_STALE_EPOCH, SDM_JOURNAL. */
  async resetTransceiver(transceiver: number, caller: Caller = LOCAL): Promise<TransceiverView> {
    const { backend } = this.#parts;
    return this.#commander.run(`reset of transceiver ${transceiver}`, caller, async () => {
      checkIndex('transceiver', transceiver, backend.info.ntransceivers);
      backend.resetLink(transceiver);
      return this.transceivers()[transceiver]!;
    });
  }

  async memory(): Promise<MemoryView> {
    const { remote } = this.#memports.taken();
    const attached = this.#table
      .records()
      .filter((record) => record.waits === undefined)
      .reduce((sum, { request }) => sum + request.size, 0n);
    return describeMemory(
      this.#config.sysfs ?? '/sys',
      this.#parts.memory,
      this.#config.shares,
      remote,
      attached,
    );
  }

  /** A command that hangs, in a sentence; undefined while all is well. */
  overdue(): string | undefined {
    return this.#commander.overdue();
  }

  /**
   * Waits for the commands that have begun, refuses the rest and unlocks the block. Memory stays
   * attached.
   */
  async close(): Promise<void> {
    await this.#commander.close();
    this.#parts.backend.close();
    await this.#parts.journal.close();
  }
}
