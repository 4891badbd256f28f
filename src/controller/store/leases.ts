import type { LeaseView } from './types.js';

interface Running {
  readonly ttlMs: number;
  /** By performance.now(), which no clock of the wall turns back. */
  deadline: number;
}

/** setTimeout takes no more. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * When leases end. Which there are is in the database; how much is left of each only here: keeping
 * one alive costs no commit, and after a restart each has all of its time again.
 */
export class LeaseClock {
  readonly #leases = new Map<string, Running>();
  readonly #expired: (id: string) => void;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer looks: not after the first deadline. */
  #wakes = Infinity;

  /** @param expired is told once of each that ended; it is not here any more then. */
  constructor(expired: (id: string) => void) {
    this.#expired = expired;
  }

  /** Begins or begins again. */
  start(id: string, ttlMs: number): void {
    const deadline = performance.now() + ttlMs;
    this.#leases.set(id, { ttlMs, deadline });
    if (deadline < this.#wakes) this.#arm(deadline);
  }

  /** @returns whether there is such a lease, with all of its time again. */
  renew(id: string): boolean {
    const lease = this.#leases.get(id);
    if (lease === undefined || lease.deadline <= performance.now()) return false;
    lease.deadline = performance.now() + lease.ttlMs;
    return true; // the timer comes too early then, and looks again
  }

  remove(id: string): void {
    this.#leases.delete(id);
  }

  list(): LeaseView[] {
    const now = performance.now();
    return [...this.#leases]
      .map(([id, { ttlMs, deadline }]) => ({ id, ttlMs, leftMs: Math.max(0, deadline - now) }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#leases.clear();
  }

  /** @param first the deadline that comes first. */
  #arm(first: number): void {
    clearTimeout(this.#timer);
    this.#wakes = first;
    if (first === Infinity) return;
    const wait = Math.min(MAX_TIMEOUT_MS, Math.max(1, Math.ceil(first - performance.now())));
    this.#timer = setTimeout(() => this.#look(), wait);
    this.#timer.unref();
  }

  #look(): void {
    const now = performance.now();
    let first = Infinity;
    for (const [id, { deadline }] of this.#leases) {
      if (deadline > now) {
        first = Math.min(first, deadline);
        continue;
      }
      this.#leases.delete(id);
      this.#expired(id);
    }
    this.#arm(first);
  }
}
