import { SdmError } from '../../common/errors.js';
import type { AttachmentRecord, ScrubRecord } from '../records.js';
import type { Reservations } from '../reservation/types.js';
import type { Site } from '../synthesizer/site.js';
import type { Wires } from '../synthesizer/wires.js';
import { reservationOf, reservationsOf } from './convert.js';
import type { Ledger } from './ledger.js';
import { placeOf } from './view.js';

/**
 * Claims in the core what the records say.
 * @throws SDM_RECORD: the topology lacks something that is reserved, or has its bytes elsewhere; SDM_CONFLICT: two records claim
 *   the same, which only a defect or a hand in the store can do.
 */
export function restore(
  ledger: Ledger,
  {
    site,
    core,
    wires,
  }: { readonly site: Site; readonly core: Reservations; readonly wires: Wires },
): void {
  for (const record of ledger.platforms.values()) {
    for (const number of reservationsOf(record)) core.restore(reservationOf(site, record, number));
    for (const attachment of record.attachments) {
      checkRemote(site, attachment, attachment.id);
      wires.note(attachment);
    }
  }
  for (const scrub of ledger.scrubs.values()) {
    const { memory, first, count } = scrub;
    const brick = site.memories.get(memory);
    if (brick === undefined) {
      throw new SdmError(
        'SDM_RECORD',
        `segments of memory brick ${memory} wait for their scrub, and the topology does not have it: ` +
          'put it back',
        { details: { missing: memory } },
      );
    }
    checkRemote(site, scrub, scrub.attachment);
    core.markDirty(brick.index, first, count);
  }
}

/** Segments are numbers: with another size or base they would be somebody else's bytes. */
function checkRemote(site: Site, record: AttachmentRecord | ScrubRecord, id: string): void {
  const memory = site.memories.get(record.memory);
  if (record.bytes === undefined || memory === undefined) return; // or missing, which is told
  const found = placeOf(site, record);
  const { remote, size } = record.bytes;
  if (found.remote === remote && found.size === size) return;
  const say = ([at, length]: readonly string[]): string => `${length} at ${at}`;
  throw new SdmError(
    'SDM_RECORD',
    `${id} has ${say([remote, size])} of memory brick ${memory.id}; with the topology's segmentSize ` +
      `and base it would be ${say([found.remote, found.size])}: put back the topology of before, or ` +
      'release what is on that brick with it first',
    { details: { attachment: id, memory: memory.id, expected: record.bytes, found } },
  );
}
