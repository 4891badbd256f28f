/** When something is looked at again. Times are of performance.now(). */
export interface Slot {
  next: number;
  /** Looks in a row that failed. */
  failures: number;
}

export interface Pace {
  readonly intervalMs: number;
  readonly maxBackoffMs: number;
}

/** As soon as may be. */
export function atOnce(slot: Slot): void {
  [slot.next, slot.failures] = [0, 0];
}

/** After a look: what answers keeps the pace, what does not is asked more and more rarely. */
export function setNext(slot: Slot, ok: boolean, { intervalMs, maxBackoffMs }: Pace): void {
  slot.failures = ok ? 0 : slot.failures + 1;
  const doubled = intervalMs * 2 ** Math.min(slot.failures, 20);
  const wait = ok ? intervalMs : Math.min(Math.max(intervalMs, maxBackoffMs), doubled);
  // Those who were there at the same time must not come together for ever.
  slot.next = performance.now() + wait * (0.75 + 0.5 * Math.random());
}
