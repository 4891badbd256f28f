import { SdmError } from '../../common/errors.js';

type Key = number | string;

interface Active {
  key: Key | undefined;
  /** Of performance.now(): when it began. */
  readonly since: number;
}

/** Commands on one key one after the other, in the order in which they came; others beside them. */
export class Turns {
  readonly #last = new Map<Key, Promise<void>>();
  /** Those that have begun. */
  readonly #active = new Map<Promise<void>, Active>();
  #waiting = 0;
  #closed = false;
  /** Settles when what runs alone has ended. */
  #alone: Promise<void> | undefined;
  /** Of performance.now(): when that task began. */
  #aloneSince = Infinity;

  /** Commands that are under way or wait. */
  get count(): number {
    return this.#active.size + this.#waiting;
  }

  /** @throws SDM_STOPPING once it is closed; what the task throws. */
  run<T>(key: Key, task: () => Promise<T>): Promise<T> {
    return this.#run(key, task);
  }

  /**
   * For what gets its key while it runs, one that nobody else has: `hold` has later commands on it wait.
   */
  fresh<T>(task: (hold: (key: Key) => void) => Promise<T>): Promise<T> {
    return this.#run(undefined, task);
  }

  async #run<T>(key: Key | undefined, task: (hold: (key: Key) => void) => Promise<T>): Promise<T> {
    this.#check();
    const before = key === undefined ? undefined : this.#last.get(key);
    let end = (): void => {};
    const mine = new Promise<void>((resolve) => (end = resolve));
    let held = key;
    if (key !== undefined) this.#last.set(key, mine);
    try {
      this.#waiting += 1;
      try {
        await before;
        while (this.#alone !== undefined) await this.#alone;
      } finally {
        this.#waiting -= 1;
      }
      // what has begun by then is finished, what waits is not
      this.#check();
      const active: Active = { key, since: performance.now() };
      this.#active.set(mine, active);
      return await task((fresh) => {
        held = fresh;
        active.key = fresh;
        this.#last.set(fresh, mine);
      });
    } finally {
      if (held !== undefined && this.#last.get(held) === mine) this.#last.delete(held);
      this.#active.delete(mine);
      end();
    }
  }

  /** Runs when no command does, and lets none begin meanwhile. @throws what the task throws. */
  async alone<T>(task: () => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await this.#alone;
    this.#check();
    let end = (): void => {};
    this.#alone = new Promise((resolve) => (end = resolve));
    try {
      await Promise.all(this.#active.keys());
      this.#aloneSince = performance.now();
      return await task();
    } finally {
      this.#aloneSince = Infinity;
      this.#alone = undefined;
      end();
    }
  }

  /**
   * The task that is at work for longer than it ever should, in a sentence.
   * @param budgetMs for a task on that key; undefined: one that has none yet, or runs alone.
   * @param notBefore of performance.now(): time before that does not count.
   */
  overdue(budgetMs: (key: Key | undefined) => number, notBefore: number): string | undefined {
    const now = performance.now();
    const alone = { key: undefined, since: this.#aloneSince };
    for (const { key, since } of [...this.#active.values(), alone]) {
      const ms = now - Math.max(since, notBefore);
      if (ms <= budgetMs(key)) continue;
      const what = typeof key === 'number' ? `a command on platform ${key}` : (key ?? 'a command');
      return `${what} has been at work for ${Math.round(ms / 1000)} s, longer than all of its deadlines together`;
    }
    return undefined;
  }

  /** Refuses what has not begun; resolves when nothing runs any more. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#active.size > 0) await Promise.all(this.#active.keys());
  }

  #check(): void {
    if (this.#closed) throw stopping();
  }
}

function stopping(): SdmError {
  return new SdmError(
    'SDM_STOPPING',
    'the controller is stopping: nothing of this was done; ask again when it is back',
  );
}
