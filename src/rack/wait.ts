import { setTimeout as delay } from 'node:timers/promises';
import { SdmError } from '../common/errors.js';

export interface WaitOptions {
  readonly timeoutMs: number;
  /** Between looks. Default 50 ms. */
  readonly intervalMs?: number;
  /** Ends the wait early, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Looks until `look` gives something other than undefined, and gives that back.
 * @param what what is waited for, for the message: "the console of brick 1".
 * @throws SdmError SDM_TIMEOUT at the deadline; whatever `look` throws.
 */
export async function waitFor<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  options: WaitOptions,
): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() >= deadline) {
      throw new SdmError('SDM_TIMEOUT', `waited ${options.timeoutMs} ms for ${what}`, {
        details: { what, timeoutMs: options.timeoutMs },
      });
    }
    await delay(options.intervalMs ?? 50, undefined, { signal: options.signal }).catch(() => {
      options.signal?.throwIfAborted();
    });
  }
}
