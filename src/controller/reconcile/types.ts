import type { Reservations } from '../reservation/types.js';
import type { Daemons } from '../synthesizer/daemons.js';
import type { Site } from '../synthesizer/site.js';
import type { Wires } from '../synthesizer/wires.js';
import type { StoreLog } from '../store/types.js';
import type { BrickId } from '../records.js';
import type { DriftView } from '../views.js';

export interface ReconcileOptions {
  /** Between two looks at a daemon that answers, ms. */
  readonly intervalMs: number;
  /** For a question to a daemon, ms. */
  readonly lookMs: number;
  /** A brick that has not answered for so long is lost, ms. */
  readonly lostAfterMs: number;
  /** Between two looks at a daemon that does not answer, ms; it is doubled up to this. */
  readonly maxBackoffMs: number;
  /** For the first looks and endings at a start; what is not ended by then goes on behind, ms. */
  readonly beginMs: number;
  /** Looks at once. */
  readonly atOnce: number;
}

export const RECONCILE_OPTIONS: ReconcileOptions = {
  intervalMs: 10_000,
  lookMs: 3_000,
  lostAfterMs: 30_000,
  maxBackoffMs: 60_000,
  beginMs: 15_000,
  atOnce: 16,
};

export interface ReconcileParts {
  readonly site: Site;
  readonly daemons: Daemons;
  readonly wires: Wires;
  readonly core: Reservations;
  /** Address of the dBMC of a brick's tray; undefined: nothing tells about its power. */
  dbmcOf(brick: BrickId): string | undefined;
  readonly options?: Partial<ReconcileOptions>;
  readonly log: StoreLog;
}

/** Something that is asked how it is: an agent, a lender, a switch. */
export interface Target {
  readonly kind: 'agent' | 'lender' | 'switch';
  /** Of the brick or the switch. */
  readonly id: string;
  readonly address: string;
}

export type DriftDone = DriftView['items'][number]['done'];

/** A difference between what is and what should be. */
export interface Finding {
  /** In a sentence, the same as long as it is the same thing. */
  readonly what: string;
  /** Puts it right; absent: it is nobody's business but a person's. */
  repair?(): Promise<void>;
  /** A brick that was fenced is let in again only when all of these are right. */
  readonly bars?: true;
}
