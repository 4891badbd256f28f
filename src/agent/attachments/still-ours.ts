import { isControllers } from '../owners.js';
import { checkInPool, checkInShares, checkInWindow } from './bounds.js';
import type { AttachmentRecord } from './record.js';
import { isReached, type StageContext } from './stages.js';

type Ours = Pick<StageContext, 'backend' | 'memory' | 'shares' | 'caller'>;

/**
 * An attachment outlives the configuration that it was made with. What is no longer in this
 * brick's shares may be another brick's by now: it is neither used anew nor zeroed. A controller's
 * may lie anywhere in the pool as long as a controller stands behind it: while it commands, or while
 * the brick still reaches the bytes as it was told to. Once they are out of reach (since a boot, say)
 * they may have been given to someone else.
 * @throws SDM_NOT_OURS; SDM_INPUT where it is not in the window.
 */
export function checkStillOurs(context: Ours, record: AttachmentRecord): void {
  const { backend, shares, caller } = context;
  const { start, remote, request } = record;
  const space = {
    info: backend.info,
    poolSize: backend.pool?.size,
    poolKind: backend.pool?.kind,
    shares,
  };
  const decided =
    isControllers(record.owner) &&
    ((caller !== undefined && isControllers(caller.owner)) ||
      (record.waits === undefined && isReached(context, record)));
  if (decided) checkInPool(remote, request, space);
  else checkInShares(remote, request, space);
  checkInWindow(start, request, space);
}
