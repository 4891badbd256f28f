import { hex } from '../../abi/numbers.js';
import { SdmError, type ErrorCode } from '../../common/errors.js';
import type { Refusal, ReserveRequest, RefusedResource, Where } from '../reservation/types.js';
import type { Site } from '../synthesizer/site.js';
import type { RefusalView } from '../views.js';
import type { Ledger } from './ledger.js';
import { allOut, whyOut } from './outs.js';
import { MIB } from './convert.js';
import { requestText, whatText } from './refusal-text.js';

const CODES: Record<RefusedResource, ErrorCode> = {
  cores: 'SDM_NO_CORES',
  'local-memory': 'SDM_NO_LOCAL_MEMORY',
  segments: 'SDM_NO_SEGMENTS',
  transceiver: 'SDM_NO_TRANSCEIVER',
  path: 'SDM_NO_PATH',
  memports: 'SDM_NO_MEMPORT',
  combination: 'SDM_NO_COMBINATION',
};

/** What a refusal is told with. */
export interface RefusalParts {
  readonly site: Site;
  readonly ledger: Pick<Ledger, 'bricks'>;
  /** Switches that no new path goes over. */
  readonly lostSwitches?: () => readonly string[];
}

/**
 * Bricks by their ids, sizes in bytes.
 * @param asked what was refused: a brick that it names may be one that nothing goes to.
 */
export function refusalView(
  { site, ledger, lostSwitches }: RefusalParts,
  refusal: Refusal,
  { compute }: Pick<ReserveRequest, 'compute'>,
): RefusalView {
  const { resource, where, asked, found, nearest } = refusal;
  const place = whereOf(site, where);
  const hint = nearest === undefined ? undefined : requestOf(site, nearest);
  const would =
    nearest === undefined
      ? '; free something first'
      : `; this would fit: ${requestText(site, nearest)}`;
  const named =
    compute === undefined ? undefined : whyOut(ledger.bricks, site.computeAt[compute]!.id);
  const others = allOut(ledger.bricks, lostSwitches?.() ?? []);
  const out = others === undefined ? '' : `; ${others}`;
  return {
    ...{ resource, where: place, asked, found },
    message: named ?? `${whatText(site, refusal)} (${placeText(place)}${out})${would}`,
    ...(hint === undefined ? {} : { nearest: hint }),
  };
}

export function refusalError(
  parts: RefusalParts,
  refusal: Refusal,
  asked: Pick<ReserveRequest, 'compute'>,
): SdmError {
  const { message, ...details } = refusalView(parts, refusal, asked);
  return new SdmError(CODES[refusal.resource], message, { details });
}

type Place = { readonly kind: string; readonly brick?: string; readonly box?: string };

function whereOf(site: Site, where: Where): Place {
  switch (where.kind) {
    case 'compute':
      return { kind: 'compute', brick: site.computeAt[where.compute]!.id };
    case 'memory':
      return { kind: 'memory', brick: site.memoryAt[where.memory]!.id };
    case 'box':
      return { kind: 'box', box: site.boxName(where.box) };
    default:
      return where;
  }
}

function placeText({ kind, brick, box }: Place): string {
  if (brick !== undefined) return `brick ${brick}`;
  return kind === 'box' ? `box ${box}` : 'anywhere';
}

function requestOf(site: Site, request: ReserveRequest): Record<string, unknown> {
  const { compute, cores, localMemory, memory, segments, pathUtil, policy } = request;
  const remote = hex(BigInt(segments) * site.segmentSize);
  // more memory for a platform that there is
  if (cores === undefined) return { size: remote, pathUtil, policy };
  const mib = (value: number): string => hex(BigInt(value) * MIB);
  return {
    ...(compute === undefined ? {} : { brick: site.computeAt[compute]!.id }),
    cores,
    ...(memory === undefined || memory === 0 ? {} : { memory: mib(memory) }),
    ...(localMemory === undefined || localMemory === 0 ? {} : { localMemory: mib(localMemory) }),
    ...(segments === 0 ? {} : { remoteMemory: remote }),
    ...{ pathUtil, policy },
  };
}
