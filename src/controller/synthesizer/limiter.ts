import { isPassing } from './retry.js';

/** For how long a task waits for its place while none of those that run is answered. */
export interface Patience {
  readonly ms: number;
  /** What it ends with then. */
  readonly error: () => Error;
}

interface Waiter {
  readonly begin: () => void;
}

/** Lets so many tasks run at once; the others wait in the order in which they came. */
export class Limiter {
  readonly #most: number;
  readonly #waiting = new Set<Waiter>();
  #running = 0;
  #waitedAt = -Infinity;
  /** Of performance.now(): when a task succeeded last, or was refused. */
  #answeredAt = -Infinity;

  constructor(most: number) {
    this.#most = most;
  }

  /** Of performance.now(): when a task had to wait for its place last; now, if one does. */
  get waitedAt(): number {
    return this.#waiting.size > 0 ? performance.now() : this.#waitedAt;
  }

  /** @throws what the task throws; what `patience` says: it was not begun then. */
  async run<T>(task: () => Promise<T>, patience?: Patience): Promise<T> {
    if (this.#running >= this.#most) {
      // the one that ends hands its place over: nobody who comes later gets between
      await this.#place(patience);
    } else {
      this.#running += 1;
    }
    try {
      const result = await task();
      this.#answeredAt = performance.now();
      return result;
    } catch (error) {
      if (!isPassing(error)) this.#answeredAt = performance.now();
      throw error;
    } finally {
      const [next] = this.#waiting;
      if (next === undefined) this.#running -= 1;
      else next.begin();
    }
  }

  async #place(patience: Patience | undefined): Promise<void> {
    const since = performance.now();
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const waiter: Waiter = {
          begin: () => {
            this.#waiting.delete(waiter);
            resolve();
          },
        };
        this.#waiting.add(waiter);
        if (patience === undefined) return;
        const look = (): void => {
          const left = Math.max(since, this.#answeredAt) + patience.ms - performance.now();
          if (left > 0) {
            timer = setTimeout(look, left + 1);
            return;
          }
          this.#waiting.delete(waiter);
          reject(patience.error());
        };
        look();
      });
    } finally {
      clearTimeout(timer);
      this.#waitedAt = performance.now();
    }
  }
}
