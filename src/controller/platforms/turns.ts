import { SdmError } from '../../common/errors.js';

type Key = number | string;

/** Commands on one key one after the other, in the order in which they came; others beside them. */
export class Turns {
  readonly #last = new Map<Key, Promise<void>>();
  /** Those that have begun. */
  readonly #active = new Set<Promise<void>>();
  #waiting = 0;
  #closed = false;
  /** Settles when what runs alone has ended. */
  #alone: Promise<void> | undefined;

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
      this.#active.add(mine);
      return await task((fresh) => {
        held = fresh;
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
      await Promise.all(this.#active);
      return await task();
    } finally {
      this.#alone = undefined;
      end();
    }
  }

  /** Refuses what has not begun; resolves when nothing runs any more. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#active.size > 0) await Promise.all(this.#active);
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
