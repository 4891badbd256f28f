import type { Faults } from '../faults.js';
import type { Log } from '../types.js';
import type { LenderObserver } from './events.js';
import type { LenderJournal } from './journal.js';
import type { LenderIdentity } from './model.js';
import type { Pool } from './pool.js';
import { runsOf } from './runs.js';
import type { Scrubber } from './scrubber.js';

/** What commands of a lender work on. */
export interface LenderParts {
  readonly identity: LenderIdentity;
  readonly pool: Pool;
  readonly journal: LenderJournal;
  readonly scrubber: Scrubber;
  readonly log: Log;
  readonly observer: LenderObserver;
  readonly faults: Faults;
}

/**
 * They are to be scrubbed: so it is for all at once, and safe when this resolves.
 * @throws SDM_JOURNAL.
 */
export async function markDirty(
  { journal }: Pick<LenderParts, 'journal'>,
  segments: readonly number[],
): Promise<void> {
  const entries = runsOf(segments).map((run) =>
    journal.record({ kind: 'segments', run, state: 'dirty' }),
  );
  await Promise.all(entries);
}
