import type { Turn } from '../queue.js';
import type { GrantRecord } from './model.js';
import { markDirty, type LenderParts } from './parts.js';
import { rangeOfRun, runsOf, segmentsOf } from './runs.js';

/**
 * What was proven to be zero and has data again is so once more before anybody gets it: somebody
 * whose grant has ended writes there still, or reads through a mapping, which makes pages of zeroes.
 * @throws as Scrubber.scrub.
 */
export async function scrubStray(
  parts: LenderParts,
  turn: Turn,
  { runs }: GrantRecord,
): Promise<void> {
  const { pool, journal, identity, scrubber, log, observer, faults } = parts;
  const cleanOf = (segments: readonly number[]): number[] =>
    segments.filter((each) => journal.state().base[each] === 'clean');
  for (const run of runsOf(cleanOf(segmentsOf(runs)).sort((a, b) => a - b))) {
    const range = rangeOfRun(identity, run);
    const found = await turn.away(pool.allocated(range));
    const clean = cleanOf(segmentsOf([run]));
    if (found === undefined || found === 0n || clean.length === 0) continue;
    log.warn({ ...run }, 'segments that nobody has hold data again: they are scrubbed once more');
    observer.event({ kind: 'stray', range });
    await turn.away(markDirty(parts, clean));
    await faults.at('stray.journalled');
    const dirty = clean.filter((each) => journal.state().isDirty(each));
    await turn.away(scrubber.scrub(dirty));
  }
}
