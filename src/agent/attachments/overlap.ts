import { isControllers } from '../owners.js';
import type { AttachmentRecord } from './record.js';
import { areApart, overlaps, type Span } from './spans.js';
import type { StageContext } from './stages.js';

type Leads = Pick<StageContext, 'backend' | 'table' | 'checks' | 'journal'>;

/** Where the bytes of an attachment lie in the pool. */
function bytesOf({ remote, request, outId, owner }: AttachmentRecord): Span {
  return { start: remote, end: remote + request.size, outId, controller: isControllers(owner) };
}

/**
 * Remote ranges of other attachments, and of memports on their own, that have bytes in common with
 * this one and need them still: there are some only where the check for that is off. Each attachment
 * scrubs when it is given back, so that the last one does. One whose memport is clear has scrubbed,
 * or never came so far; but what waits since a boot, or failed before it scrubbed, is used again or
 * scrubs later.
 */
export function usedByOthers(context: Leads, record: AttachmentRecord): Span[] {
  const { backend, table } = context;
  const own = bytesOf(record);
  const attached = table
    .records()
    .filter((other) => other !== record && overlaps(bytesOf(other), own))
    .filter((other) => !areApart(backend.pool?.kind, bytesOf(other), own))
    .filter(
      (other) =>
        other.waits !== undefined ||
        (other.state === 'failed' && other.touched) ||
        backend.memport(other.memport).set,
    )
    .map(bytesOf);
  return [...attached, ...ofMemports(context).filter((span) => overlaps(span, own))];
}

/**
 * Where memports lead that no attachment owns: set by hand, or by someone this agent does not know.
 * Only where they may lead to an attachment's bytes: what is its alone is zeroed, whoever looks on.
 */
function ofMemports({ backend, table, checks, journal }: Leads): Span[] {
  if (checks.remoteOverlap !== false) return [];
  const byHand = [...journal.state().memports.values()].map(({ spec }) => ({
    start: spec.remote,
    end: spec.remote + spec.size,
  }));
  const set = backend.setMemports().flatMap(({ port, start, end, remote }) => {
    if (remote === undefined || table.byMemport(port) !== undefined) return [];
    return [{ start: remote, end: remote + end - start + 1n }];
  });
  return [...byHand, ...set];
}
