import { SdmError } from '../../common/errors.js';
import type { AttachmentRecord, PlatformRecord } from '../records.js';
import type { Refusal, Reservation, ReserveRequest } from '../reservation/types.js';
import type { Put } from '../store/types.js';
import type { Site } from '../synthesizer/site.js';
import type { Remember, ShrinkRequest } from '../views.js';
import { chooseToFree, segmentsFor } from './choose.js';
import { refusalError, type RefusalParts } from './refusal.js';

/** Which attachments a shrink takes. @throws SDM_NOT_FOUND, SDM_INPUT. */
export function chosen(
  site: Site,
  record: PlatformRecord,
  { size, attachment }: ShrinkRequest,
): AttachmentRecord[] {
  if (attachment !== undefined) {
    const found = record.attachments.find((each) => each.id === attachment);
    if (found !== undefined) return [found];
    const has = record.attachments.map(({ id }) => id).join(', ') || 'none';
    const message = `platform ${record.id} has no attachment ${attachment}; it has ${has}`;
    throw new SdmError('SDM_NOT_FOUND', message, {
      details: { platform: record.id, attachment },
    });
  }
  if (size === undefined) return [...record.attachments];
  return chooseToFree(record.attachments, segmentsFor(size, site.segmentSize, 'size'));
}

export function remembered<T extends Parameters<Remember['value']>[0]>(
  remember: Remember | undefined,
  result: T,
): Put[] {
  return remember === undefined ? [] : [{ key: remember.key, value: remember.value(result) }];
}

/** @throws the refusal, with bricks by their ids. */
export function granted(
  parts: RefusalParts,
  asked: ReserveRequest,
  reserved: Reservation | Refusal,
): Reservation {
  if ('refused' in reserved) throw refusalError(parts, reserved, asked);
  return reserved;
}
