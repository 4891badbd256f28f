import { SdmError } from '../common/errors.js';
import type { JournalState } from './attachments/journal.js';
import type { Faults } from './faults.js';
import type { Turn } from './queue.js';
import type { Caller, Log } from './types.js';

type Term = NonNullable<JournalState['epoch']>;

type TermEntry = { readonly kind: 'epoch' } & Term;

export interface TermsOptions {
  /** Mirrors the term, for diagnosis. */
  readonly backend: { writeEpoch(epoch: bigint): void };
  readonly journal: {
    record(entry: TermEntry): Promise<void>;
    state(): { readonly epoch: Term | undefined };
  };
  readonly log: Log;
  readonly observer: { event(body: TermEntry): void };
  readonly faults: Faults;
}

/**
 * The controllers' terms. One controller commands at a time: the one with the highest epoch. A
 * higher one is safe in the journal before its first command does anything, so that the one before
 * it is refused from then on, also after a crash.
 */
export class Terms {
  readonly #options: TermsOptions;
  /** The highest one seen, safe or about to be. */
  #current: Term | undefined;
  /** The highest one that is safe in the journal. */
  #safe: Term | undefined;
  /** Terms that take over, by epoch: none of their commands has been let in yet. */
  readonly #taking = new Map<bigint, Promise<void>>();
  /** How many commands of a term are under way. */
  readonly #running = new Map<bigint, number>();
  /** Told when a term has none left. */
  readonly #waiting: (() => void)[] = [];

  constructor(options: TermsOptions) {
    this.#options = options;
  }

  /** Goes on from the journal; the register is its mirror. */
  load(): void {
    const { backend, journal } = this.#options;
    this.#safe = journal.state().epoch;
    this.#current = this.#safe;
    backend.writeEpoch(this.#current?.epoch ?? 0n);
  }

  /**
   * Lets a command in, or not. Whoever has no term is let in; who may command what is asked later.
   * @returns to be called when the command has ended.
   * @throws SDM_STALE_EPOCH; SDM_JOURNAL for a higher term that could not be journalled: the one
   * before it goes on.
   */
  async admit(caller: Caller, turn: Turn): Promise<() => void> {
    const { owner, epoch } = caller;
    if (epoch === undefined) return () => {};
    for (;;) {
      const current = this.#current;
      const taking = this.#taking.get(epoch);
      if (current === undefined || epoch > current.epoch) {
        await this.#take({ epoch, controller: owner }, turn);
      } else if (epoch < current.epoch || owner !== current.controller) {
        throw stale(caller, current);
      } else if (taking !== undefined) {
        await turn.away(taking);
      } else {
        this.#running.set(epoch, (this.#running.get(epoch) ?? 0) + 1);
        return () => this.#ended(epoch);
      }
    }
  }

  async #take(term: Term, turn: Turn): Promise<void> {
    const { backend, log, observer, faults } = this.#options;
    this.#current = term;
    const taking = this.#fence(term);
    this.#taking.set(term.epoch, taking);
    try {
      await turn.away(taking);
    } catch (error) {
      // that one may still be taking over itself
      if (this.#current === term) this.#current = this.#safe;
      throw error;
    } finally {
      this.#taking.delete(term.epoch);
    }
    await faults.at('epoch.journalled');
    // a higher one that is safe by now writes its own
    if (this.#safe === term) backend.writeEpoch(term.epoch);
    log.info({ epoch: term.epoch, controller: term.controller }, 'a controller took over');
    observer.event({ kind: 'epoch', ...term });
  }

  /**
   * The term is safe, and nothing that an earlier one commanded is still under way: all of that
   * came before. What is under way ends by itself, under deadlines of its own.
   */
  async #fence(term: Term): Promise<void> {
    await this.#options.journal.record({ kind: 'epoch', ...term });
    if (this.#safe === undefined || this.#safe.epoch < term.epoch) this.#safe = term;
    while ([...this.#running.keys()].some((epoch) => epoch < term.epoch)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #ended(epoch: bigint): void {
    const left = (this.#running.get(epoch) ?? 0) - 1;
    if (left > 0) {
      this.#running.set(epoch, left);
      return;
    }
    this.#running.delete(epoch);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

function stale({ owner, epoch }: Caller, current: Term): SdmError {
  const found =
    epoch === current.epoch
      ? `epoch ${epoch} is that of ${current.controller}`
      : `epoch ${epoch} is over: ${current.controller} commands with ${current.epoch}`;
  return new SdmError(
    'SDM_STALE_EPOCH',
    `${owner} is refused: ${found}; only a higher epoch can take over`,
    {
      details: {
        epoch: String(epoch),
        current: String(current.epoch),
        controller: current.controller,
      },
    },
  );
}
