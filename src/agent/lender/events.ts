import type { ErrorView } from '../types.js';
import type { Grant, LentRange, ScrubProof } from './types.js';

/** What happened, as `GET /v1/events` tells it. */
export type LenderEvent =
  /** A grant was made, or is another controller's now. */
  | { readonly kind: 'granted'; readonly id: string; readonly grant: Grant }
  /** A grant has ended; its bytes are scrubbed, or kept for its region. */
  | {
      readonly kind: 'dropped';
      readonly id: string;
      readonly owner: string;
      readonly retained: boolean;
    }
  /** Segments are proven to be zero. */
  | {
      readonly kind: 'scrubbed';
      readonly range: LentRange;
      readonly ms: number;
      readonly proof: ScrubProof;
    }
  /** Segments are not; it is tried again. */
  | { readonly kind: 'scrub-failed'; readonly range: LentRange; readonly error: ErrorView }
  /** Segments that were proven to be zero hold data again, and nobody has them. */
  | { readonly kind: 'stray'; readonly range: LentRange }
  | { readonly kind: 'epoch'; readonly epoch: bigint; readonly controller: string };

/** As the agent's: every call returns at once and never throws. */
export interface LenderObserver {
  event(body: LenderEvent): void;
}

export const NO_LENDER_OBSERVER: LenderObserver = { event() {} };
