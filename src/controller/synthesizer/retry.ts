import { setTimeout as sleep } from 'node:timers/promises';
import { SdmError, type ErrorCode } from '../../common/errors.js';

/**
 * After these nobody knows what came of a request, or the other side could not take it just now. All
 * that the controller asks for may be repeated.
 */
const PASSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'SDM_UNREACHABLE',
  'SDM_TIMEOUT',
  'SDM_STOPPING',
  'SDM_TOO_MANY',
  'SDM_SLOW',
  'SDM_RESOURCE_UNREACHABLE',
]);

/** Between attempts; doubled each time. */
const FIRST_MS = 20;
const LONGEST_MS = 2_000;

export interface RetryOptions {
  /** No attempt begins later than this. 0: one attempt only. */
  readonly retryMs: number;
  readonly signal?: AbortSignal | undefined;
}

export function isPassing(error: unknown): boolean {
  return error instanceof SdmError && PASSING.has(error.code);
}

/** @throws what the last attempt threw; the reason of the signal. */
export async function retry<T>(
  { retryMs, signal }: RetryOptions,
  attempt: () => Promise<T>,
): Promise<T> {
  const began = performance.now();
  for (let wait = FIRST_MS; ; wait = Math.min(LONGEST_MS, wait * 2)) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      // those who failed together must not come again together
      const pause = wait * (0.5 + Math.random());
      if (!isPassing(error) || performance.now() - began + pause >= retryMs) throw error;
      await sleep(pause, undefined, { signal }).catch(() => signal?.throwIfAborted());
    }
  }
}
