import { SdmError } from '../../common/errors.js';
import type { AttachmentRecord } from '../records.js';

/** Beyond it the exact choice would cost more than it gives; newest first then. */
const EXACT_LIMIT = 4096;

/**
 * Which attachments go when `segments` are given back. Whole ones, since one that is in use cannot be
 * cut: those whose sum comes nearest to `segments` and is not less, and of several such choices the one
 * with the newest. All of them if they are not as much together.
 */
export function chooseToFree<T extends Pick<AttachmentRecord, 'count'>>(
  attachments: readonly T[],
  segments: number,
): T[] {
  const total = attachments.reduce((sum, { count }) => sum + count, 0);
  if (segments >= total) return [...attachments];
  if (total > EXACT_LIMIT) return newest(attachments, segments);
  // What stays is the largest sum that is not above total - segments, of the oldest where it can be.
  const keep = total - segments;
  const reached: (readonly number[] | undefined)[] = [[]];
  for (const [i, { count }] of attachments.entries()) {
    for (let sum = keep; sum >= count; sum--) {
      const before = reached[sum - count];
      if (before !== undefined && reached[sum] === undefined) reached[sum] = [...before, i];
    }
  }
  let best = keep;
  while (reached[best] === undefined) best -= 1;
  const kept = new Set(reached[best]);
  return attachments.filter((_, i) => !kept.has(i));
}

function newest<T extends Pick<AttachmentRecord, 'count'>>(
  attachments: readonly T[],
  segments: number,
): T[] {
  let sum = 0;
  let from = attachments.length;
  while (sum < segments) sum += attachments[--from]!.count;
  return attachments.slice(from);
}

/** More than any site has, which the core takes: it says then how much there is. */
const MOST = 0x3fff_ffffn;

export function atMost(amount: bigint): number {
  return Number(amount < MOST ? amount : MOST);
}

/** Segments that a size comes to, rounded up. @throws SDM_INPUT for nothing. */
export function segmentsFor(size: string, segmentSize: bigint, what: string): number {
  const bytes = BigInt(size);
  if (bytes > 0n) return atMost((bytes + segmentSize - 1n) / segmentSize);
  throw new SdmError('SDM_INPUT', `${what} is ${size}; expected more than 0 bytes`, {
    details: { key: what, found: size },
  });
}
