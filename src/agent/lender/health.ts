import { formatSize } from '../../common/units.js';
import type { Lender } from './lender.js';

/** Something that somebody should look at. */
export interface LenderProblem {
  readonly about: 'journal' | 'scrub' | 'unknown';
  /** One sentence: what is so. */
  readonly text: string;
}

/** What is wrong with this lender now; none of it keeps it from answering. */
export function problemsOf(lender: Lender): LenderProblem[] {
  const { failure } = lender.journal().stats;
  const { counts, segments } = lender.segments();
  const journal: LenderProblem[] =
    failure === undefined
      ? []
      : [{ about: 'journal', text: `the journal is in trouble: ${failure}` }];
  const failed = segments.flatMap(({ first, count, error }): LenderProblem[] => {
    if (error === undefined) return [];
    const named = count === 1 ? `segment ${first}` : `segments ${first} to ${first + count - 1}`;
    return [{ about: 'scrub', text: `${named} could not be scrubbed: ${error.message}` }];
  });
  const unknown: LenderProblem[] =
    counts.unknown === 0
      ? []
      : [
          {
            about: 'unknown',
            text:
              `${counts.unknown} segments hold bytes that nobody has spoken for: scrub them when ` +
              'nobody uses them',
          },
        ];
  return [...journal, ...failed, ...unknown];
}

/** How the lender is, in one line: "3 grants, 12 of 16 segments clean (3 GiB)". */
export function lenderStatusLine(lender: Lender): string {
  const { counts, segments } = lender.segments();
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const clean = segments
    .filter(({ state }) => state === 'clean')
    .reduce((sum, { size }) => sum + size, 0n);
  const grants = lender.grants().length;
  const [problem] = problemsOf(lender);
  // systemd takes one line.
  const why = problem === undefined ? '' : `; ${problem.text.replaceAll(/\s+/g, ' ')}`;
  return (
    `${grants} grant${grants === 1 ? '' : 's'}, ${counts.clean} of ${all} segments clean ` +
    `(${formatSize(clean)})${why}`
  );
}
