import { encodeCommand } from '../../abi/d44/encode.js';
import { hex } from '../../abi/numbers.js';
import type { AttachmentRecord } from '../records.js';
import type { Reservation } from '../reservation/types.js';
import { pairOf, portsText, type Pair } from '../synthesizer/ports.js';
import type { ComputeSite, Site } from '../synthesizer/site.js';
import type { PlanRequest, PlanView, SwitchesConfigs } from '../views.js';
import { attachmentsOf, MIB } from './convert.js';
import { placeOf, segmentsOf } from './view.js';

/** What a reservation would come to, and what would be sent for it, in D4.4's forms. */
export function planView(site: Site, reservation: Reservation, request: PlanRequest): PlanView {
  const compute = site.computeAt[reservation.compute]!;
  const asked = 'platform' in request ? undefined : request;
  const { mode = compute.mode, node = compute.node } = asked ?? {};
  const defaults = { platform: 0, next: 0, reservation: 0, mode, node };
  const attachments = attachmentsOf(site, reservation, defaults);
  return {
    ...{ brick: compute.id, island: reservation.island, cores: reservation.cores },
    localMemory: hex(BigInt(reservation.localMemory) * MIB),
    remoteMemory: hex(BigInt(segmentsOf(attachments)) * site.segmentSize),
    attachments: attachments.map(({ id: _id, state: _state, bytes: _bytes, ...rest }) => {
      return { ...rest, ...placeOf(site, rest) };
    }),
    switches: switchesConfigs(site, attachments),
    command: commandOf(site, compute, attachments),
  };
}

/** Pairs of ports by switch, each once. */
export function switchesConfigs(
  site: Site,
  attachments: readonly Pick<AttachmentRecord, 'path'>[],
): SwitchesConfigs {
  const pairs = new Map<string, Map<string, Pair>>();
  for (const hop of attachments.flatMap(({ path }) => path.hops)) {
    const pair = pairOf(hop);
    const known = pairs.get(hop.switch) ?? new Map<string, Pair>();
    pairs.set(hop.switch, known.set(pair.join(), pair));
  }
  return {
    dBOXSwitchesConfigs: [...pairs].map(([id, each]) => {
      const { rack = 0, box } = site.switches.get(id)!;
      const list = [...each.values()];
      return {
        ...{ switchId: id, dRackId: rack },
        ...(box === undefined ? {} : { dBoxId: box }),
        ...{ ports: portsText(list), dBOXSwitchConfig: list },
      };
    }),
  };
}

/** Local addresses count from 0, since the agent chooses where in its window they are. */
function commandOf(
  site: Site,
  { ip }: ComputeSite,
  attachments: readonly AttachmentRecord[],
): unknown {
  let start = 0n;
  const segments = attachments.map((attachment) => {
    const { size, remote } = placeOf(site, attachment);
    const end = start + BigInt(size) - 1n;
    const segment = { start, end, remote: BigInt(remote), net: BigInt(attachment.outId) };
    start = end + 1n;
    return segment;
  });
  return encodeCommand({ action: 'Add', segments, cIP: ip });
}
