import { SdmError } from '../../common/errors.js';
import type { Change } from './types.js';

interface Commit {
  readonly revision: number;
  readonly changes: readonly Change[];
}

/**
 * The last changes, in memory, and those who watch them. Readers take from one list, each at its own
 * pace: one that is slow holds nobody up and costs no memory, but may find that the list has moved on.
 */
export class History {
  readonly #limit: number;
  readonly #commits: Commit[] = [];
  /** Index of the oldest that is known. */
  #first = 0;
  /** How many changes are known. */
  #held = 0;
  /** Changes up to this revision are not known. */
  #floor: number;
  #revision: number;
  #ended = false;
  #error: Error | undefined;
  /** Readers that wait for more. */
  readonly #sleepers = new Set<() => void>();

  /** @param revision of the store now: older changes are not known. */
  constructor(revision: number, limit: number) {
    this.#limit = limit;
    this.#floor = this.#revision = revision;
  }

  get revision(): number {
    return this.#revision;
  }

  /** What a commit did, which is durable. Nothing: the revision is that of before. */
  add(revision: number, changes: readonly Change[]): void {
    if (changes.length === 0) return;
    this.#revision = revision;
    this.#commits.push({ revision, changes });
    this.#held += changes.length;
    while (this.#held > this.#limit) {
      const { revision: old, changes: gone } = this.#commits[this.#first]!;
      this.#held -= gone.length;
      this.#floor = old;
      this.#first += 1;
    }
    // In bulk: to move a long list at every commit would cost more than to keep what is gone a while.
    if (this.#first > this.#commits.length / 2) {
      this.#commits.splice(0, this.#first);
      this.#first = 0;
    }
    this.#notify();
  }

  /** Nothing more will come. Who watches sees the end, or the error. */
  end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#notify();
  }

  #notify(): void {
    for (const wake of this.#sleepers) wake();
    this.#sleepers.clear();
  }

  /** The first commit above a revision. @throws SDM_STORE_COMPACTED. */
  #next(after: number): Commit | undefined {
    if (after < this.#floor) {
      throw new SdmError(
        'SDM_STORE_COMPACTED',
        `changes after revision ${after} were asked for, and those up to ${this.#floor} are no ` +
          'longer known; begin again with a snapshot',
        { details: { after, compacted: this.#floor } },
      );
    }
    let [low, high] = [this.#first, this.#commits.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#commits[middle]!.revision > after) high = middle;
      else low = middle + 1;
    }
    return this.#commits[low];
  }

  watch(prefix: string, after: number): AsyncIterable<Change> {
    return { [Symbol.asyncIterator]: () => this.#iterator(prefix, after) };
  }

  #iterator(prefix: string, after: number): AsyncIterator<Change> {
    let seen = after;
    let pending: readonly Change[] = [];
    let at = 0;
    let stopped = false;
    let wake: (() => void) | undefined;
    const over = { done: true, value: undefined } as const;

    const next = async (): Promise<IteratorResult<Change>> => {
      while (!stopped) {
        while (at < pending.length) {
          const change = pending[at++]!;
          if (change.key.startsWith(prefix)) return { done: false, value: change };
        }
        const commit = this.#next(seen);
        if (commit !== undefined) {
          [seen, pending, at] = [commit.revision, commit.changes, 0];
          continue;
        }
        if (this.#error !== undefined) throw this.#error;
        if (this.#ended) return over;
        await new Promise<void>((done) => {
          wake = done;
          this.#sleepers.add(done);
        });
      }
      return over;
    };
    return {
      next,
      return: () => {
        stopped = true;
        if (wake !== undefined) this.#sleepers.delete(wake);
        wake?.();
        return Promise.resolve(over);
      },
    };
  }
}
