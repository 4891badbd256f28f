import { randomBytes } from 'node:crypto';
import { checkIndex } from '../abi/numbers.js';
import { featureNames, hasFeature } from '../abi/codec.js';
import { SdmError } from '../common/errors.js';
import type { Native } from '../native/types.js';
import { MemoryJournal, type Journal } from './attachments/journal.js';
import { Machine } from './attachments/machine.js';
import { normalise, viewOf } from './attachments/record.js';
import {
  checkRequest,
  repeated,
  reserve,
  takenBy,
  type ReserveParts,
} from './attachments/reserve.js';
import type { StageContext } from './attachments/stages.js';
import { AttachmentTable } from './attachments/table.js';
import { openBackend, type RegisterBackend } from './backend/index.js';
import type { LinkState } from './backend/types.js';
import type { Observer } from './events.js';
import type { Faults } from './faults.js';
import { LINK_MS, OFFLINE_MS, QUEUE_MS } from './defaults.js';
import { createMemory, describeMemory, type MemoryPath } from './memory/index.js';
import { messageOf } from './memory/errors.js';
import { Memports } from './memports.js';
import { CommandQueue } from './queue.js';
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
  type JournalView,
  type Log,
  type MemoryView,
  type MemportOptions,
  type MemportSpec,
  type MemportView,
  type TransceiverView,
} from './types.js';

/** What a caller may hand in instead of the real thing. */
export interface AgentDeps {
  readonly log?: Log;
  readonly native?: Native;
  readonly journal?: Journal;
  readonly memory?: MemoryPath;
  readonly observer?: Observer;
  readonly faults?: Faults;
  /** Of the boot that this is; default: the kernel's. */
  readonly bootId?: string;
}

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** One brick: its memports, and the remote memory that it attaches through them. */
export class Agent implements AgentCore {
  readonly #config: AgentConfig;
  readonly #backend: RegisterBackend;
  readonly #memory: MemoryPath;
  readonly #journal: Journal;
  readonly #table = new AttachmentTable();
  readonly #memports: Memports;
  readonly #machine: Machine;
  readonly #queue = new CommandQueue();
  readonly #log: Log;

  private constructor(
    config: AgentConfig,
    backend: RegisterBackend,
    memory: MemoryPath,
    journal: Journal,
    log: Log,
  ) {
    this.#config = config;
    this.#backend = backend;
    this.#memory = memory;
    this.#journal = journal;
    this.#log = log;
    this.#machine = new Machine(journal, log);
    const table = this.#table;
    this.#memports = new Memports({ backend, memory, journal, table, shares: config.shares });
  }

  /**
   * Opens and locks the register block, and takes the window if the kernel's side is there. Without
   * module or pool the agent serves what is possible, and says at an attach what is missing.
   * @throws SDM_NO_REGISTERS, SDM_CONFIG, and the addon's errors for a block that is locked,
   * foreign or not to be opened.
   */
  static async open(config: AgentConfig, deps: AgentDeps = {}): Promise<Agent> {
    const log = deps.log ?? SILENT;
    const sysfs = config.sysfs ?? '/sys';
    const native = deps.native ?? (await import('../native/index.js')).native;
    const journal = deps.journal ?? new MemoryJournal();
    const backend = openBackend(native, config, sysfs, log);
    const memory =
      deps.memory ??
      createMemory(native, backend, sysfs, (saved) => journal.record({ kind: 'policy', saved }));
    const agent = new Agent(config, backend, memory, journal, log);
    await agent.#look();
    return agent;
  }

  /**
   * Compares the journal with the registers and the kernel, and completes or undoes what is its own.
   * To be called once, before the first command; commands that come meanwhile wait.
   */
  reconcile(): Promise<void> {
    return Promise.resolve();
  }

  /** Says in the log what will be refused and why, and which memports are not ours. */
  async #look(): Promise<void> {
    try {
      await this.#memory.prepare('device', -1);
    } catch (error) {
      this.#log.warn({ err: error }, `attachments are not possible yet: ${messageOf(error)}`);
    }
    const foreign = this.memports().filter((port) => port.owner === 'foreign');
    if (foreign.length === 0) return;
    const memports = foreign.map((port) => port.port);
    this.#log.warn({ memports }, 'memports are set that this agent knows nothing of: left as is');
  }

  brick(): BrickView {
    const { info, kind, registers, pool } = this.#backend;
    return {
      brick: this.#config.brick,
      backend: kind,
      registers,
      ...(pool === undefined
        ? {}
        : { pool: pool.kind === 'file' ? pool.path : pool.pci, poolSize: pool.size }),
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
    return this.#table.records().map(viewOf);
  }

  getAttachment(id: string): Attachment {
    return viewOf(this.#table.get(id));
  }

  /**
   * Attaches remote memory; returns when it is in use. The same id with the same request is the
   * same attachment. After an error nothing is left, unless it is SDM_FAILED.
   * @throws SDM_INPUT, SDM_CONFLICT, SDM_TIMEOUT; SDM_MODE, SDM_NO_POOL, SDM_NO_MODULE,
   * SDM_WRONG_MODULE, SDM_WINDOW; SDM_NOT_OURS, SDM_RANGE_TAKEN, SDM_NO_SPACE, SDM_NO_MEMPORT;
   * SDM_LINK_DOWN, SDM_MEMPORT_REFUSED, SDM_KERNEL_REFUSED, SDM_FAILED.
   */
  async attach(request: AttachRequest, caller: Caller = LOCAL): Promise<Attachment> {
    const id = request.id ?? `a-${randomBytes(5).toString('hex')}`;
    checkRequest(id, request);
    const normal = normalise(request, this.#config.node);
    return this.#command(`attach ${id}`, async () => {
      const existing = this.#table.find(id);
      if (existing !== undefined) return repeated(existing, normal, caller);
      await this.#memory.prepare(normal.mode, normal.node);
      const record = reserve(this.#parts(), id, normal, caller);
      this.#table.add(record);
      try {
        await this.#machine.attach(this.#context(), record);
      } finally {
        if (record.state === 'free') this.#table.forget(record);
      }
      this.#log.info({ id, start: record.start, size: normal.size }, 'attached');
      return viewOf(record);
    });
  }

  /**
   * Gives an attachment back; returns when nothing is left of it, with state `free`. Again for one
   * that was freed before: the same answer.
   * @throws SDM_NOT_FOUND, SDM_NOT_OWNER, SDM_TIMEOUT; SDM_OFFLINE_REFUSED, SDM_DEVICE_MAPPED: the
   * attachment is as before; SDM_FAILED: it is `failed`, and detach can be tried again.
   */
  async detach(
    id: string,
    options: DetachOptions = {},
    caller: Caller = LOCAL,
  ): Promise<Attachment> {
    return this.#command(`detach ${id}`, async () => {
      const freed = this.#table.findFreed(id);
      if (freed !== undefined) return freed;
      const record = this.#table.get(id);
      if (record.owner !== caller.owner && options.override !== true) {
        throw new SdmError(
          'SDM_NOT_OWNER',
          `attachment ${id} belongs to ${record.owner}, and ${caller.owner} asks: override to ` +
            'detach it anyway',
          { details: { attachment: id, owner: record.owner } },
        );
      }
      const retain = record.retain;
      record.retain = options.retain ?? retain;
      try {
        await this.#machine.detach(this.#context(options), record);
      } finally {
        if (record.state === 'free') this.#table.free(record);
        else if (record.state !== 'failed') record.retain = retain;
      }
      this.#log.info({ id }, 'detached');
      return viewOf(record);
    });
  }

  memports(): MemportView[] {
    return this.#memports.views();
  }

  memport(port: number): MemportView {
    return this.#memports.view(port);
  }

  /**
   * Sets a memport by hand.
   * @throws SDM_INPUT; SDM_MEMPORT_FOREIGN, SDM_MEMPORT_OWNED, SDM_MEMPORT_SET, SDM_NOT_OURS,
   * SDM_RANGE_TAKEN (none of them with override); SDM_MEMPORT_LIVE; SDM_MEMPORT_REFUSED.
   */
  setMemport(port: number, spec: MemportSpec, options: MemportOptions = {}): Promise<MemportView> {
    return this.#command(`set of memport ${port}`, () => this.#memports.set(port, spec, options));
  }

  /**
   * Clears a memport. One that is clear stays so.
   * @throws SDM_INPUT; SDM_MEMPORT_FOREIGN, SDM_MEMPORT_OWNED (not with override);
   * SDM_MEMPORT_LIVE; SDM_MEMPORT_REFUSED.
   */
  clearMemport(port: number, options: MemportOptions = {}): Promise<MemportView> {
    return this.#command(`clear of memport ${port}`, () => this.#memports.clear(port, options));
  }

  transceivers(): TransceiverView[] {
    return this.#memports.transceivers();
  }

  links(): LinkState {
    return this.#backend.links();
  }

  journal(): JournalView {
    return { stats: this.#journal.stats(), epoch: this.#journal.state().epoch };
  }

  /** Asks the logic to reset a transceiver. @throws SDM_INPUT. */
  resetTransceiver(transceiver: number): Promise<TransceiverView> {
    return this.#command(`reset of transceiver ${transceiver}`, async () => {
      checkIndex('transceiver', transceiver, this.#backend.info.ntransceivers);
      this.#backend.resetLink(transceiver);
      return this.transceivers()[transceiver]!;
    });
  }

  async memory(): Promise<MemoryView> {
    const { remote } = takenBy(this.#parts());
    const attached = this.#table.records().reduce((sum, { request }) => sum + request.size, 0n);
    return describeMemory(
      this.#config.sysfs ?? '/sys',
      this.#memory,
      this.#config.shares,
      remote,
      attached,
    );
  }

  /** Waits for the running command, refuses the rest and unlocks the block. Memory stays attached. */
  async close(): Promise<void> {
    await this.#queue.close();
    this.#backend.close();
    await this.#journal.close();
  }

  #command<T>(name: string, task: () => Promise<T>): Promise<T> {
    return this.#queue.run(name, this.#config.queueTimeoutMs ?? QUEUE_MS, task);
  }

  #context(options: DetachOptions = {}): StageContext {
    return {
      backend: this.#backend,
      memory: this.#memory,
      linkTimeoutMs: this.#config.linkTimeoutMs ?? LINK_MS,
      offlineTimeoutMs: options.offlineTimeoutMs ?? this.#config.offlineTimeoutMs ?? OFFLINE_MS,
    };
  }

  #parts(): ReserveParts {
    const { shares, checks = ALL_CHECKS } = this.#config;
    return {
      backend: this.#backend,
      memory: this.#memory,
      memports: this.#memports,
      table: this.#table,
      shares,
      checks,
    };
  }
}
