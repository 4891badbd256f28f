import { messageOf } from '../memory/errors.js';
import { checkIdentity } from './checks.js';
import { markDirty, type LenderParts } from './parts.js';
import { rangeOfRun } from './runs.js';

/**
 * Goes on from the journal: has all scrubbed that nobody has and is not known to be clean. Every part
 * of it can be done again: a crash within is the same as one before.
 * @throws SDM_JOURNAL_FOREIGN, SDM_JOURNAL, SDM_SYSTEM.
 */
export async function begin(parts: LenderParts): Promise<void> {
  const { journal, pool, identity, scrubber, log, faults } = parts;
  const { begin: before } = journal.state();
  checkIdentity(identity, before?.identity);
  await faults.at('open.locked');
  if (before?.life !== pool.life) {
    await journal.record({ kind: 'begin', identity, life: pool.life });
  }
  await faults.at('open.begun');
  await look(parts);
  await faults.at('open.looked');
  scrubber.scrub(journal.state().dirty()).catch((error: unknown) => {
    log.warn({ err: error }, `not all is clean yet: ${messageOf(error)}`);
  });
}

/** What no lender has seen before: where there are no bytes, there are none to lose. */
async function look(parts: LenderParts): Promise<void> {
  const { journal, pool, identity, log } = parts;
  const { base } = journal.state();
  const unknown = [...base.keys()].filter((segment) => base[segment] === 'unknown');
  const empty: number[] = [];
  for (const segment of unknown) {
    const range = rangeOfRun(identity, { first: segment, count: 1 });
    if ((await pool.allocated(range)) === 0n) empty.push(segment);
  }
  await markDirty(parts, empty);
  const count = unknown.length - empty.length;
  if (count === 0) return;
  log.warn(
    { count },
    `${count} segments hold bytes that this lender knows nothing of: they are lent to nobody until ` +
      'they are scrubbed (`sdm-agent lender scrub`)',
  );
}
