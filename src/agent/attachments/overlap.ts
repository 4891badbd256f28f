import type { AttachmentRecord } from './record.js';
import { overlaps, type Span } from './spans.js';
import type { StageContext } from './stages.js';

/** Where the bytes of an attachment lie in the pool. */
function bytesOf({ remote, request }: AttachmentRecord): Span {
  return { start: remote, end: remote + request.size };
}

/**
 * Remote ranges of other attachments that have bytes in common with this one and need them still:
 * there are some only where the check for that is off. Each of them scrubs when it is given back,
 * so that the last one does. One whose memport is clear has scrubbed, or never came so far; but
 * what waits since a boot, or failed before it scrubbed, is used again or scrubs later.
 */
export function usedByOthers(
  { backend, table }: Pick<StageContext, 'backend' | 'table'>,
  record: AttachmentRecord,
): Span[] {
  const own = bytesOf(record);
  return table
    .records()
    .filter((other) => other !== record && overlaps(bytesOf(other), own))
    .filter(
      (other) =>
        other.waits !== undefined ||
        (other.state === 'failed' && other.touched) ||
        backend.memport(other.memport).set,
    )
    .map(bytesOf);
}
