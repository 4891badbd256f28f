import type { StageContext } from './attachments/stages.js';
import type { AttachmentTable } from './attachments/table.js';
import { LINK_MS, OFFLINE_MS, QUEUE_MS } from './defaults.js';
import { commandBudgetMs, JOURNAL_BUDGET_MS } from './budget.js';
import { messageOf } from './memory/errors.js';
import { checkCaller } from './owners.js';
import type { Parts } from './parts.js';
import { CommandQueue, HOLD, type Turn } from './queue.js';
import { Terms } from './terms.js';
import {
  ALL_CHECKS,
  type AgentConfig,
  type Caller,
  type MemportOptions,
  type MemportView,
} from './types.js';

/** Lets commands in: whose turn it is, whether the caller may, and with what they work. */
export class Commander {
  readonly #config: AgentConfig;
  readonly #parts: Parts;
  readonly #table: AttachmentTable;
  readonly #terms: Terms;
  readonly #queue = new CommandQueue();
  #reconciled: Promise<void> = Promise.resolve();

  constructor(config: AgentConfig, parts: Parts, table: AttachmentTable) {
    this.#config = config;
    this.#parts = parts;
    this.#table = table;
    this.#terms = new Terms(parts);
  }

  /** Goes before all commands; where it fails, so do they. */
  begin(reconcile: (context: StageContext) => Promise<void>): void {
    this.#terms.load();
    const context = this.context(HOLD, { linkTimeoutMs: 0 });
    this.#reconciled = this.#queue.run('reconcile', 0, () => reconcile(context));
    // who waits for it is told; so is every command
    this.#reconciled.catch((error: unknown) =>
      this.#parts.log.error({ err: error }, `the agent cannot reconcile: ${messageOf(error)}`),
    );
  }

  /** Settles with what `begin` was given. */
  get reconciled(): Promise<void> {
    return this.#reconciled;
  }

  /** What hangs, in a sentence: a command that keeps its turn, or the disk that all wait for. */
  overdue(): string | undefined {
    const { lagMs } = this.#parts.journal.stats();
    if (lagMs <= JOURNAL_BUDGET_MS) return this.#queue.overdue();
    return (
      `the journal has been waiting for its disk for ${Math.round(lagMs / 1000)} s, and every ` +
      'command waits for the journal'
    );
  }

  /** Refuses what has not begun, and waits for the rest. */
  close(): Promise<void> {
    return this.#queue.close();
  }

  /** A command on a memport, and with override on the attachment that it belongs to. */
  async onMemport(
    name: string,
    port: number,
    options: MemportOptions,
    caller: Caller,
    task: (context: StageContext) => Promise<MemportView>,
  ): Promise<MemportView> {
    const owner = (): string | undefined =>
      options.override === true ? this.#table.byMemport(port)?.id : undefined;
    for (;;) {
      const id = owner();
      const keys = id === undefined ? [`memport ${port}`] : [`memport ${port}`, id];
      const done = await this.run(
        name,
        caller,
        // it changed hands while this command waited: its new owner is to be waited for, too
        async (turn) => (owner() === id ? task(this.context(turn, { caller })) : undefined),
        keys,
      );
      if (done !== undefined) return done;
    }
  }

  /**
   * Runs a command in its turn, once the agent has reconciled and the caller's term is known to hold.
   * @param budgetMs how long it may keep its turn before `overdue` names it.
   * @throws SDM_INPUT for a caller that cannot be, SDM_STALE_EPOCH, SDM_TIMEOUT, SDM_STOPPING.
   */
  async run<T>(
    name: string,
    caller: Caller,
    task: (turn: Turn) => Promise<T>,
    keys: readonly string[] = [],
    budgetMs: () => number = () => this.budgetMs(this.#parts.backend.info.windowSize),
  ): Promise<T> {
    checkCaller(caller);
    const run = async (turn: Turn): Promise<T> => {
      await this.#reconciled;
      const ended = await this.#terms.admit(caller, turn);
      try {
        return await task(turn);
      } finally {
        ended();
      }
    };
    return this.#queue.run(name, this.#config.queueTimeoutMs ?? QUEUE_MS, run, keys, budgetMs);
  }

  /** Of a command about `size` bytes. @param offlineTimeoutMs the request's own. */
  budgetMs(size: bigint, offlineTimeoutMs?: number): number {
    const offline = offlineTimeoutMs ?? this.#config.offlineTimeoutMs ?? OFFLINE_MS;
    return commandBudgetMs(size, offline + (this.#config.linkTimeoutMs ?? LINK_MS));
  }

  context(
    turn: Turn,
    {
      caller,
      linkTimeoutMs,
      offlineTimeoutMs,
    }: Partial<Pick<StageContext, 'caller' | 'linkTimeoutMs' | 'offlineTimeoutMs'>> = {},
  ): StageContext {
    const { backend, memory, journal } = this.#parts;
    return {
      backend,
      memory,
      table: this.#table,
      shares: this.#config.shares,
      checks: this.#config.checks ?? ALL_CHECKS,
      journal,
      turn,
      caller,
      linkTimeoutMs: linkTimeoutMs ?? this.#config.linkTimeoutMs ?? LINK_MS,
      offlineTimeoutMs: offlineTimeoutMs ?? this.#config.offlineTimeoutMs ?? OFFLINE_MS,
    };
  }
}
