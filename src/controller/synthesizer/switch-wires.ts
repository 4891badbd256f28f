import type { Pair } from './ports.js';

/** Tells one switch; all of the pairs or none. Idempotent. */
export interface PortSetter {
  connect(pairs: readonly Pair[]): Promise<void>;
  disconnect(pairs: readonly Pair[]): Promise<void>;
}

interface Wish {
  readonly pairs: readonly Pair[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Which attachments need which connections of one switch. Changes that are asked for while a request
 * is under way share the next one; what is to be connected is decided when it is sent, so that a
 * connection that one gives up and another takes is never cut.
 */
export class SwitchWires {
  readonly #setter: PortSetter;
  readonly #users = new Map<string, { readonly pair: Pair; readonly users: Set<string> }>();
  #wishes: Wish[] = [];
  #running = false;

  constructor(setter: PortSetter) {
    this.#setter = setter;
  }

  /** Connections that somebody needs, with who does. */
  *used(): Generator<{ readonly pair: Pair; readonly users: ReadonlySet<string> }> {
    for (const entry of this.#users.values()) if (entry.users.size > 0) yield entry;
  }

  /** Notes only: the connection is there, or will be asked for. */
  note(user: string, pairs: readonly Pair[]): void {
    for (const pair of pairs) {
      const key = pair.join('-');
      let entry = this.#users.get(key);
      if (entry === undefined) this.#users.set(key, (entry = { pair, users: new Set() }));
      entry.users.add(user);
    }
  }

  /** Resolves when all pairs are connected. @throws as the setter. */
  take(user: string, pairs: readonly Pair[]): Promise<void> {
    this.note(user, pairs);
    return this.#wish(pairs);
  }

  /** Resolves when those that nobody else needs are not connected. @throws as the setter. */
  leave(user: string, pairs: readonly Pair[]): Promise<void> {
    for (const pair of pairs) this.#users.get(pair.join('-'))?.users.delete(user);
    return this.#wish(pairs.filter((pair) => !this.#isUsed(pair)));
  }

  #isUsed(pair: Pair): boolean {
    return (this.#users.get(pair.join('-'))?.users.size ?? 0) > 0;
  }

  #wish(pairs: readonly Pair[]): Promise<void> {
    if (pairs.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#wishes.push({ pairs, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#wishes.length > 0) {
      // what is asked for within this turn of the event loop goes with it
      await Promise.resolve();
      const wishes = this.#wishes;
      this.#wishes = [];
      await this.#grant(wishes);
    }
    this.#running = false;
  }

  /** All in one; where that fails, one by one, so that each fails for its own reason only. */
  async #grant(wishes: readonly Wish[]): Promise<void> {
    try {
      await this.#set(wishes.flatMap(({ pairs }) => pairs));
      for (const { resolve } of wishes) resolve();
    } catch (error) {
      const [only] = wishes;
      if (wishes.length === 1) return only!.reject(error);
      for (const wish of wishes) await this.#grant([wish]);
    }
  }

  async #set(pairs: readonly Pair[]): Promise<void> {
    const all = new Map(pairs.map((pair) => [pair.join('-'), pair]));
    const wanted = [...all.values()].filter((pair) => this.#isUsed(pair));
    const unwanted = [...all.values()].filter((pair) => !this.#isUsed(pair));
    // first what goes: a circuit switch may need its port for what comes
    if (unwanted.length > 0) await this.#setter.disconnect(unwanted);
    for (const pair of unwanted) if (!this.#isUsed(pair)) this.#users.delete(pair.join('-'));
    if (wanted.length > 0) await this.#setter.connect(wanted);
  }
}
