import { hex } from '../../abi/numbers.js';
import { SdmError } from '../../common/errors.js';
import type { AttachmentMode, AttachmentRecord, PlatformRecord } from '../records.js';
import type { Reservation, ReservedPath } from '../reservation/types.js';
import type { ComputeSite, MemorySite, Site } from '../synthesizer/site.js';
import { attachmentId } from './keys.js';
import { placeOf } from './view.js';

export const MIB = 1n << 20n;

export interface AttachmentDefaults {
  readonly platform: number;
  /** Number of the first attachment. */
  readonly next: number;
  readonly reservation: number;
  readonly mode: AttachmentMode;
  readonly node: number | undefined;
}

/** One attachment for each run of a reservation. */
export function attachmentsOf(
  site: Site,
  reservation: Reservation,
  { platform, next, reservation: number, mode, node }: AttachmentDefaults,
): AttachmentRecord[] {
  const paths = new Map(reservation.paths.map((path) => [path.id, path]));
  return reservation.runs.map((run, i) => {
    const path = paths.get(run.path)!;
    const memory = site.memoryAt[run.memory]!;
    const compute = site.computeAt[reservation.compute]!;
    return {
      id: attachmentId(platform, next + i),
      memory: memory.id,
      first: run.first,
      count: run.count,
      bytes: placeOf(site, { memory: memory.id, first: run.first, count: run.count }),
      path: {
        id: path.id,
        computeTransceiver: path.computeTransceiver,
        memoryTransceiver: path.memoryTransceiver,
        hops: path.hops.map((hop) => ({
          switch: site.switchAt[hop.switch]!.id,
          in: hop.in,
          out: hop.out,
        })),
      },
      util: path.util,
      reservation: number,
      outId: hex(outIdOf(site, compute, memory, path)),
      mode,
      ...(mode === 'device' || node === undefined ? {} : { node }),
      state: 'reserved',
    };
  });
}

/** Leads over the path's transceiver, outId mod their number, to the memory brick. */
function outIdOf(
  site: Site,
  { transceivers }: ComputeSite,
  { id }: MemorySite,
  { computeTransceiver }: ReservedPath,
): bigint {
  const network = BigInt(site.networkOf(id));
  return network * BigInt(transceivers) + BigInt(computeTransceiver);
}

/** Numbers of the reservations that a platform holds; 0 has its cores and local memory. */
export function reservationsOf({ attachments }: PlatformRecord): readonly number[] {
  // most platforms never grow, and at a start this is asked of all of them
  if (attachments.every(({ reservation }) => reservation === 0)) return FIRST;
  return [...new Set([0, ...attachments.map(({ reservation }) => reservation)])];
}

const FIRST: readonly number[] = [0];

/**
 * The reservation as the core knows it; its runs are the platform's attachments of that number, in
 * their order.
 * @throws SDM_RECORD for a brick or switch that the topology does not have.
 */
export function reservationOf(site: Site, platform: PlatformRecord, number: number): Reservation {
  const { attachments } = platform;
  const isOwn = ({ reservation }: AttachmentRecord): boolean => reservation === number;
  const own = attachments.every(isOwn) ? attachments : attachments.filter(isOwn);
  const compute = there(
    site.computes.get(platform.brick),
    'compute brick',
    platform.brick,
    platform,
  );
  const paths = new Map<number, ReservedPath>();
  const runs = own.map(({ memory: id, first, count, path, util }) => {
    const memory = there(site.memories.get(id), 'memory brick', id, platform).index;
    if (!paths.has(path.id)) {
      const hops = path.hops.map((hop) => ({
        switch: there(site.switches.get(hop.switch), 'switch', hop.switch, platform).index,
        in: hop.in,
        out: hop.out,
      }));
      const { id: pathId, computeTransceiver, memoryTransceiver } = path;
      paths.set(pathId, {
        ...{ id: pathId, compute: compute.index, computeTransceiver, memory, memoryTransceiver },
        ...{ hops, links: [], util },
      });
    }
    return { memory, first, count, path: path.id };
  });
  const first = number === 0;
  return {
    compute: compute.index,
    island: first ? platform.island : -1,
    cores: first ? platform.cores : 0,
    localMemory: first ? Number(BigInt(platform.localMemory) / MIB) : 0,
    runs,
    paths: [...paths.values()],
  };
}

function there<T>(site: T | undefined, what: string, id: string, platform: PlatformRecord): T {
  if (site !== undefined) return site;
  throw new SdmError(
    'SDM_RECORD',
    `platform ${platform.id} has something of ${what} ${id}, which the topology does not have: put ` +
      'it back, or start with the topology of before and release the platform first',
    { details: { platform: platform.id, missing: id } },
  );
}
