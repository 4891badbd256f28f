import type { RegisterBackend } from '../backend/types.js';
import type { Share } from '../types.js';
import { checkInShares, checkInWindow } from './placement.js';
import type { AttachmentRecord } from './record.js';

/**
 * An attachment outlives the configuration that it was made with. What is no longer in this
 * brick's shares may be another brick's by now: it is neither used anew nor zeroed.
 * @throws SDM_NOT_OURS; SDM_INPUT where it is not in the window.
 */
export function checkStillOurs(
  { backend, shares }: { readonly backend: RegisterBackend; readonly shares: readonly Share[] },
  { start, remote, request }: AttachmentRecord,
): void {
  const space = { info: backend.info, poolSize: backend.pool?.size, shares };
  checkInShares(remote, request, space);
  checkInWindow(start, request, space);
}
