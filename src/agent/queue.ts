import { SdmError } from '../common/errors.js';

/** What a running command has: the right to touch hardware and tables, alone. */
export interface Turn {
  /**
   * Gives the turn away until the promise has settled, and takes it again after those that asked
   * before. What was looked at before it may have changed. Not refused, and without a deadline of
   * its own: a command that has begun must be able to end, and those before it have theirs.
   */
  away<T>(promise: Promise<T>): Promise<T>;
}

/** For what must not be interrupted: waits with the turn in hand. */
export const HOLD: Turn = { away: (promise) => promise };

interface Command {
  readonly name: string;
  /** Of performance.now(): when it first had the turn; before that, when it came. */
  since: number;
  /** How long it may keep the turn before something must be wrong, ms. */
  readonly budgetMs: () => number;
}

interface Waiting {
  readonly command: Command;
  readonly start: () => void;
  /** Absent for commands that have begun: these are never refused. */
  readonly refuse?: (error: SdmError) => void;
}

/**
 * Commands take turns: in the order in which they came, one at a time. While one waits for
 * something that is not the brick, such as a disk, it may give its turn away. Commands with a key in
 * common never overlap, not even then.
 */
export class CommandQueue {
  readonly #line = new Set<Waiting>();
  /** By key: who has it, and who waits for it. */
  readonly #keys = new Map<string, { holder: Command; readonly line: Set<Waiting> }>();
  #holder: Command | undefined;
  /** Of performance.now(): when the holder got the turn that it has. */
  #heldSince = 0;
  /** Commands that have begun and not ended, with or without the turn. */
  #begun = 0;
  #closed = false;
  readonly #idle: (() => void)[] = [];

  /**
   * @param name for messages, such as "attach a1".
   * @param timeoutMs how long to wait for those before it; the task itself has its own deadlines.
   * @param keys what it works on; those of all commands that name several are in one order.
   * @param budgetMs how long it may keep the turn before {@link overdue} names it; default: forever.
   * @throws SDM_TIMEOUT; SDM_STOPPING after close().
   */
  async run<T>(
    name: string,
    timeoutMs: number,
    task: (turn: Turn) => Promise<T>,
    keys: readonly string[] = [],
    budgetMs: () => number = () => Infinity,
  ): Promise<T> {
    if (this.#closed) throw stopping(name);
    const command = { name, since: performance.now(), budgetMs };
    const held: string[] = [];
    try {
      for (const key of keys) {
        const before = this.#lock(key, command, timeoutMs);
        if (before !== undefined) await before;
        held.push(key);
      }
      if (this.#holder === undefined) this.#give(command);
      else await this.#wait(this.#line, command, timeoutMs, () => this.#holder);
      this.#begin(command);
    } catch (error) {
      this.#unlock(held);
      throw error;
    }
    try {
      return await task({ away: (promise) => this.#away(command, promise) });
    } finally {
      this.#begun--;
      this.#unlock(held);
      this.#pass();
    }
  }

  /** The command that keeps the turn for longer than it ever should, in a sentence. */
  overdue(): string | undefined {
    const held = performance.now() - this.#heldSince;
    if (this.#holder === undefined || held <= this.#holder.budgetMs()) return undefined;
    return (
      `${this.#holder.name} has been at work for ${Math.round(held / 1000)} s, longer than all of ` +
      'its deadlines together'
    );
  }

  /** Refuses what has not begun and what comes; resolves when all that has begun has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const line of [this.#line, ...[...this.#keys.values()].map((key) => key.line)]) {
      for (const waiting of line) {
        if (waiting.refuse === undefined) continue;
        line.delete(waiting);
        waiting.refuse(stopping(waiting.command.name));
      }
    }
    if (this.#begun > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** @returns undefined where it has the key at once. */
  #lock(key: string, command: Command, timeoutMs: number): Promise<void> | undefined {
    const known = this.#keys.get(key);
    if (known !== undefined) {
      return this.#wait(known.line, command, timeoutMs, () => known.holder);
    }
    this.#keys.set(key, { holder: command, line: new Set() });
    return undefined;
  }

  #unlock(keys: readonly string[]): void {
    for (const key of keys) {
      const known = this.#keys.get(key);
      const [first] = known?.line ?? [];
      if (known === undefined || first === undefined) {
        this.#keys.delete(key);
        continue;
      }
      known.line.delete(first);
      known.holder = first.command;
      first.start();
    }
  }

  /** With the turn in hand. @throws SDM_STOPPING. */
  #begin(command: Command): void {
    // between being called and running, the agent may have been told to stop
    if (this.#closed) {
      this.#pass();
      throw stopping(command.name);
    }
    command.since = performance.now();
    this.#begun++;
  }

  async #away<T>(command: Command, promise: Promise<T>): Promise<T> {
    this.#pass();
    try {
      return await promise;
    } finally {
      if (this.#holder === undefined) this.#give(command);
      else await new Promise<void>((start) => this.#line.add({ command, start }));
    }
  }

  #give(command: Command | undefined): void {
    this.#holder = command;
    this.#heldSince = performance.now();
  }

  /** Gives the turn to the next. */
  #pass(): void {
    const [first] = this.#line;
    this.#give(first?.command);
    if (first !== undefined) {
      this.#line.delete(first);
      first.start();
    } else if (this.#begun === 0) {
      for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  /** @throws SDM_TIMEOUT; SDM_STOPPING if the queue is closed meanwhile. */
  #wait(
    line: Set<Waiting>,
    command: Command,
    timeoutMs: number,
    before: () => Command | undefined,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const left = Math.max(0, command.since + timeoutMs - performance.now());
      const timer = setTimeout(() => {
        line.delete(waiting);
        reject(tooLong(command, timeoutMs, before()));
      }, left);
      const waiting: Waiting = {
        command,
        start: () => {
          clearTimeout(timer);
          resolve();
        },
        refuse: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      line.add(waiting);
    });
  }
}

function tooLong(command: Command, timeoutMs: number, running: Command | undefined): SdmError {
  const what =
    running === undefined
      ? 'other commands'
      : `${running.name}, which has been running for ${Math.round(performance.now() - running.since)} ms`;
  return new SdmError('SDM_TIMEOUT', `${command.name} waited ${timeoutMs} ms for ${what}`, {
    details: { waitedMs: timeoutMs, running: running?.name ?? null },
  });
}

function stopping(name: string): SdmError {
  return new SdmError('SDM_STOPPING', `${name} is refused: the agent is stopping`);
}
