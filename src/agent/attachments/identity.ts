import { SdmError } from '../../common/errors.js';
import type { AgentConfig } from '../types.js';
import { poolPlace, registersPlace } from '../backend/place.js';
import type { RegisterBackend } from '../backend/types.js';
import { NO_POOL, type JournalIdentity, type JournalState } from './journal.js';

/**
 * What an agent works on, for its journal. A pool that is missing may come back: until then the
 * journal goes on to name the one that it knows.
 * @throws SDM_JOURNAL_FOREIGN if the journal speaks of something else: acting on what it says would
 * clear memports under memory in use, or zero bytes of others.
 */
export function identityOf(
  { brick }: Pick<AgentConfig, 'brick'>,
  { kind, registers, pool }: Pick<RegisterBackend, 'kind' | 'registers' | 'pool'>,
  begin: JournalState['begin'],
): JournalIdentity {
  const named = pool === undefined ? NO_POOL : poolPlace(pool);
  const own = { brick, registers: registersPlace(kind, registers), pool: named };
  if (begin === undefined) return own;
  const { identity: found } = begin;
  const differing = (['brick', 'registers', 'pool'] as const)
    .filter((key) => found[key] !== own[key])
    .filter((key) => key !== 'pool' || (found.pool !== NO_POOL && own.pool !== NO_POOL))
    .map((key) => `${key} is "${found[key]}" there, and "${own[key]}" here`);
  if (differing.length === 0) return own.pool === NO_POOL ? found : own;
  throw new SdmError(
    'SDM_JOURNAL_FOREIGN',
    `the journal is of something else: ${differing.join('; ')}. Nothing was touched. Start the ` +
      'agent with the configuration that it was written with, or with another stateDir',
    { details: { found, own } },
  );
}
