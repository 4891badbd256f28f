import { hex } from '../../abi/numbers.js';
import type { PlatformRecord } from '../records.js';
import type { Reservation } from '../reservation/types.js';
import type { Site } from '../synthesizer/site.js';
import type { AllocateRequest } from '../views.js';
import { attachmentsOf, MIB } from './convert.js';
import { leaseId } from './keys.js';

/** A platform of which nothing but the reservation is there yet. */
export function newRecord(
  site: Site,
  id: number,
  request: AllocateRequest,
  reservation: Reservation,
  { pathUtil, policy, owner }: Pick<PlatformRecord, 'pathUtil' | 'policy' | 'owner'>,
): PlatformRecord {
  const compute = site.computeAt[reservation.compute]!;
  const { name, leaseTtlMs, mode = compute.mode, node = compute.node } = request;
  const attachments = attachmentsOf(site, reservation, {
    ...{ platform: id, next: 0, reservation: 0, mode, node },
  });
  return {
    id,
    ...(name === undefined ? {} : { name }),
    ...{ brick: compute.id, island: reservation.island, cores: reservation.cores },
    localMemory: hex(BigInt(reservation.localMemory) * MIB),
    ...{ pathUtil, policy, mode },
    ...(node === undefined ? {} : { node }),
    ...{ owner, created: new Date().toISOString() },
    ...(leaseTtlMs === undefined ? {} : { lease: { id: leaseId(id), ttlMs: leaseTtlMs } }),
    ...{ state: 'allocating', next: attachments.length, nextReservation: 1, attachments },
  };
}
