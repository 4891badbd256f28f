import { SdmError } from '../../common/errors.js';
import type { Reservations } from '../reservation/types.js';
import type { Site } from '../synthesizer/site.js';
import type { Wires } from '../synthesizer/wires.js';
import { reservationOf, reservationsOf } from './convert.js';
import type { Ledger } from './ledger.js';

/**
 * Claims in the core what the records say.
 * @throws SDM_RECORD: the topology lacks something that is reserved; SDM_CONFLICT: two records claim
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
    for (const attachment of record.attachments) wires.note(attachment);
  }
  for (const { memory, first, count } of ledger.scrubs.values()) {
    const brick = site.memories.get(memory);
    if (brick === undefined) {
      throw new SdmError(
        'SDM_RECORD',
        `segments of memory brick ${memory} wait for their scrub, and the topology does not have it: ` +
          'put it back',
        { details: { missing: memory } },
      );
    }
    core.markDirty(brick.index, first, count);
  }
}
