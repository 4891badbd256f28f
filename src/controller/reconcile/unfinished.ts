import type { PlatformRecord } from '../records.js';
import { Limiter } from '../synthesizer/limiter.js';
import type { Settled } from '../types.js';
import type { Context } from './context.js';
import type { Drift } from './drift.js';
import { atOnce, setNext, type Slot } from './schedule.js';

/** Platforms whose last command a crash, or a daemon that does not answer, has left without an end. */
export class Unfinished {
  readonly #context: Context;
  readonly #drift: Drift;
  readonly #limiter: Limiter;
  readonly #slots = new Map<number, Slot & { running?: Promise<Settled> }>();

  constructor(context: Context, drift: Drift) {
    this.#context = context;
    this.#drift = drift;
    this.#limiter = new Limiter(context.options.atOnce);
  }

  /** Of a start: all of them at once. @returns by id, how each ended. */
  async begin(): Promise<Map<number, Settled>> {
    const ends = new Map<number, Settled>();
    const all = [...this.#context.port.platforms.values()].filter(
      ({ state }) => state !== 'active',
    );
    await Promise.all(all.map(async ({ id }) => ends.set(id, await this.#settle(id))));
    return ends;
  }

  /**
   * Ends those whose time has come. One that was not seen before is most likely a command that runs:
   * it has an interval to come to its end.
   */
  look(): void {
    const { port, options } = this.#context;
    const now = performance.now();
    const seen = new Set<number>();
    for (const { id, state } of port.platforms.values()) {
      if (state === 'active') continue;
      seen.add(id);
      const slot = this.#slots.get(id);
      if (slot === undefined) this.#slots.set(id, { next: now + options.intervalMs, failures: 0 });
      else if (slot.running === undefined && slot.next <= now) void this.#settle(id);
    }
    for (const [id, { running }] of this.#slots) {
      if (!seen.has(id) && running === undefined) this.#forget(id);
    }
  }

  /** What they wait for may be there now. */
  hurry(which: (platform: PlatformRecord) => boolean): void {
    for (const [id, slot] of this.#slots) {
      const platform = this.#context.port.platforms.get(id);
      // Only what has failed: others are under way.
      if (platform !== undefined && slot.failures > 0 && which(platform)) atOnce(slot);
    }
  }

  /** Ends those now; resolves when that was tried. */
  async settle(ids: readonly number[]): Promise<void> {
    await Promise.all(ids.map((id) => this.#settle(id)));
  }

  /** Resolves when nothing runs. */
  async idle(): Promise<void> {
    await Promise.all([...this.#slots.values()].map(({ running }) => running));
  }

  #settle(id: number): Promise<Settled> {
    let slot = this.#slots.get(id);
    if (slot === undefined) this.#slots.set(id, (slot = { next: 0, failures: 0 }));
    const mine = slot;
    return (mine.running ??= this.#limiter
      .run(() => this.#one(id))
      .then((settled) => {
        setNext(mine, settled !== 'pending', this.#context.options);
        if (settled !== 'pending') this.#forget(id);
        return settled;
      })
      .finally(() => delete mine.running));
  }

  async #one(id: number): Promise<Settled> {
    const { port, parts } = this.#context;
    try {
      const settled = await port.settle(id);
      if (settled === 'pending') {
        const { state, error } = port.platforms.get(id) ?? {};
        const what = `is ${state}: ${error?.message ?? 'something of it does not answer'}`;
        this.#drift.replace(`platform ${id}`, [{ what, done: 'waiting' }]);
      }
      return settled;
    } catch (error) {
      parts.log.info({ err: error, platform: id }, 'a platform could not be ended yet');
      return 'pending';
    }
  }

  #forget(id: number): void {
    this.#slots.delete(id);
    this.#drift.replace(`platform ${id}`, []);
  }
}
