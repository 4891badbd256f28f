import { setTimeout as delay } from 'node:timers/promises';
import { SdmError } from './errors.js';

/** Between two looks where nothing else is said. */
const INTERVAL_MS = 50;

export interface WaitOptions {
  readonly timeoutMs: number;
  /** Between looks. Default 50 ms. */
  readonly intervalMs?: number;
  /** Ends the wait early, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Looks at once, and again until `look` gives something other than undefined, and gives that back;
 * looks a last time at the deadline.
 * @param what what is waited for, for the message: "the console of brick 1".
 * @throws SdmError SDM_TIMEOUT at the deadline; whatever `look` throws.
 */
export async function waitFor<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  { timeoutMs, intervalMs = INTERVAL_MS, signal }: WaitOptions,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const found = await look();
    if (found !== undefined) return found;
    const left = deadline - performance.now();
    if (left <= 0) {
      throw new SdmError('SDM_TIMEOUT', `waited ${timeoutMs} ms for ${what}`, {
        details: { what, timeoutMs },
      });
    }
    await delay(Math.min(intervalMs, Math.max(1, left)), undefined, { signal }).catch(() => {
      signal?.throwIfAborted();
    });
  }
}
