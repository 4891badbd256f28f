/** Lets so many tasks run at once; the others wait in the order in which they came. */
export class Limiter {
  readonly #most: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #waitedAt = -Infinity;

  constructor(most: number) {
    this.#most = most;
  }

  /** Of performance.now(): when a task had to wait for its place last; now, if one does. */
  get waitedAt(): number {
    return this.#waiting.length > 0 ? performance.now() : this.#waitedAt;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#most) {
      // the one that ends hands its place over: nobody who comes later gets between
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      this.#waitedAt = performance.now();
    } else {
      this.#running += 1;
    }
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
