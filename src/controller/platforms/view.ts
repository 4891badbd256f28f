import { hex } from '../../abi/numbers.js';
import type { AttachmentRecord, PlatformRecord } from '../records.js';
import type { Site } from '../synthesizer/site.js';
import type { AttachmentView, PlatformView } from '../views.js';

/** Where segments are and how long they are, bytes. */
export function placeOf(
  site: Site,
  { memory, first, count }: Pick<AttachmentRecord, 'memory' | 'first' | 'count'>,
): { readonly size: string; readonly remote: string } {
  const base = site.memories.get(memory)?.base ?? 0n;
  return {
    size: hex(BigInt(count) * site.segmentSize),
    remote: hex(base + BigInt(first) * site.segmentSize),
  };
}

function attachmentView(site: Site, attachment: AttachmentRecord): AttachmentView {
  const { amiss: _, bytes: __, ...rest } = attachment;
  return { ...rest, ...placeOf(site, attachment) };
}

export function segmentsOf(attachments: readonly { readonly count: number }[]): number {
  return attachments.reduce((sum, { count }) => sum + count, 0);
}

export function platformView(site: Site, record: PlatformRecord): PlatformView {
  const { attachments, remembered: _, ...rest } = record;
  const compute = site.computes.get(record.brick);
  return {
    ...rest,
    attachments: attachments.map((each) => attachmentView(site, each)),
    remoteMemory: hex(BigInt(segmentsOf(attachments)) * site.segmentSize),
    ...(compute?.address === undefined ? {} : { address: compute.address }),
    ...(compute?.ip === undefined ? {} : { ip: compute.ip }),
  };
}

/** A copy that later changes of the record do not reach. */
export function snapshotOf(record: PlatformRecord): PlatformRecord {
  return { ...record, attachments: record.attachments.map((each) => ({ ...each })) };
}
