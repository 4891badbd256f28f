import type { AttachmentRecord } from '../records.js';

/** It is to go. What was amiss of it is kept, in case it stays after all. */
export function toDetach(attachment: AttachmentRecord): void {
  const { state, error } = attachment;
  if (state === 'failed' && error !== undefined) attachment.amiss = error;
  attachment.state = 'detaching';
}

/** It stays, and is as it was before it was to go. */
export function turnBack(attachment: AttachmentRecord): void {
  const { amiss } = attachment;
  attachment.state = amiss === undefined ? 'attached' : 'failed';
  if (amiss !== undefined) attachment.error = amiss;
  delete attachment.amiss;
}
