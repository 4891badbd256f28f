import { SdmError } from '../../common/errors.js';

/** Commands on one key one after the other, in the order in which they came; others beside them. */
export class Turns<K> {
  readonly #last = new Map<K, Promise<void>>();
  readonly #running = new Set<Promise<void>>();
  #closed = false;

  /** Commands that are under way or wait. */
  get count(): number {
    return this.#running.size;
  }

  /** @throws SDM_STOPPING once it is closed. */
  check(): void {
    if (this.#closed) throw stopping();
  }

  /** @throws SDM_STOPPING once it is closed; what the task throws. */
  async run<T>(key: K, task: () => Promise<T>): Promise<T> {
    this.check();
    const before = this.#last.get(key);
    let end = (): void => {};
    const mine = new Promise<void>((resolve) => (end = resolve));
    this.#last.set(key, mine);
    this.#running.add(mine);
    try {
      if (before !== undefined) {
        await before;
        // what has begun by then is finished, what waits is not
        this.check();
      }
      return await task();
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key);
      this.#running.delete(mine);
      end();
    }
  }

  /** Refuses what has not begun; resolves when nothing runs any more. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}

function stopping(): SdmError {
  return new SdmError(
    'SDM_STOPPING',
    'the controller is stopping: nothing of this was done; ask again when it is back',
  );
}
