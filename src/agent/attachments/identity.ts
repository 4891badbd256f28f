import { SdmError } from '../../common/errors.js';
import type { JournalIdentity, JournalState } from './journal.js';

/**
 * Acting on what another brick's journal says would clear memports under memory in use.
 * @throws SDM_JOURNAL_FOREIGN if the journal speaks of something else than this agent works on.
 */
export function checkIdentity(begin: JournalState['begin'], own: JournalIdentity): void {
  if (begin === undefined) return;
  const { identity: found } = begin;
  const differing = (['brick', 'registers'] as const)
    .filter((key) => found[key] !== own[key])
    .map((key) => `${key} is "${found[key]}" there, and "${own[key]}" here`);
  if (differing.length === 0) return;
  throw new SdmError(
    'SDM_JOURNAL_FOREIGN',
    `the journal is of something else: ${differing.join('; ')}. Nothing was touched. Start the ` +
      'agent with the configuration that it was written with, or with another stateDir',
    { details: { found, own } },
  );
}
