import { SdmError } from '../common/errors.js';

interface Waiting {
  readonly start: () => void;
  readonly refuse: (error: SdmError) => void;
}

/** Commands one after another, in the order in which they came. */
export class CommandQueue {
  readonly #waiting = new Set<Waiting>();
  #running: { readonly name: string; readonly since: number } | undefined;
  #closed = false;
  #idle: (() => void) | undefined;

  /**
   * @param name for messages, such as "attach a1".
   * @param timeoutMs how long to wait for those before it; the task itself has its own deadlines.
   * @throws SDM_TIMEOUT; SDM_STOPPING after close().
   */
  async run<T>(name: string, timeoutMs: number, task: () => Promise<T>): Promise<T> {
    if (this.#closed) throw stopping(name);
    if (this.#running !== undefined) await this.#turn(name, timeoutMs);
    this.#running = { name, since: performance.now() };
    try {
      return await task();
    } finally {
      this.#running = undefined;
      this.#next();
    }
  }

  /** Refuses what waits and what comes; resolves when the running command has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const waiting of this.#waiting) waiting.refuse(stopping('a command'));
    this.#waiting.clear();
    if (this.#running !== undefined) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#idle?.();
      return;
    }
    this.#waiting.delete(first);
    // keeps the place until the one that was called runs
    this.#running = { name: 'a command', since: performance.now() };
    first.start();
  }

  #turn(name: string, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(waiting);
        reject(this.#tooLong(name, timeoutMs));
      }, timeoutMs);
      const waiting: Waiting = {
        start: () => {
          clearTimeout(timer);
          resolve();
        },
        refuse: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.#waiting.add(waiting);
    });
  }

  #tooLong(name: string, timeoutMs: number): SdmError {
    const running = this.#running;
    const what =
      running === undefined
        ? 'other commands'
        : `${running.name}, which has been running for ${Math.round(performance.now() - running.since)} ms`;
    return new SdmError('SDM_TIMEOUT', `${name} waited ${timeoutMs} ms for ${what}`, {
      details: { waitedMs: timeoutMs, running: running?.name ?? null },
    });
  }
}

function stopping(name: string): SdmError {
  return new SdmError('SDM_STOPPING', `${name} is refused: the agent is stopping`);
}
