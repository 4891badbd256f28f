import { SdmError } from '../../common/errors.js';
import { closest } from '../../common/closest.js';
import type { PlatformRecord } from '../records.js';
import type { PolicyName, ReserveRequest } from '../reservation/types.js';
import type { Site } from '../synthesizer/site.js';
import type { AllocateRequest, GrowRequest } from '../views.js';
import { atMost, segmentsFor } from './choose.js';
import { MIB } from './convert.js';

/** What a request is taken for that leaves it out. */
export interface Defaults {
  readonly policy: PolicyName;
  readonly pathUtil: number;
  /** Names of the policies that there are. */
  readonly policies: readonly string[];
}

/** @throws SDM_INPUT, SDM_NOT_FOUND (the brick). */
export function reserveRequest(
  site: Site,
  request: AllocateRequest,
  defaults: Defaults,
): ReserveRequest {
  const { memory, localMemory, remoteMemory, brick } = request;
  if (memory !== undefined && (localMemory ?? remoteMemory) !== undefined) {
    throw new SdmError(
      'SDM_INPUT',
      'memory says how much in all, localMemory and remoteMemory how much of each: give one or the other',
    );
  }
  return {
    ...(brick === undefined ? {} : { compute: computeIndex(site, brick) }),
    cores: request.cores,
    ...(localMemory === undefined ? {} : { localMemory: mebibytes(localMemory) }),
    ...(memory === undefined ? {} : { memory: mebibytes(memory) }),
    segments:
      remoteMemory === undefined || BigInt(remoteMemory) === 0n
        ? 0
        : segmentsFor(remoteMemory, site.segmentSize, 'remoteMemory'),
    pathUtil: pathUtil(request.pathUtil, defaults.pathUtil),
    policy: policyOf(request.policy, defaults),
  };
}

/** More for a platform, on its own brick. @throws SDM_INPUT. */
export function growRequest(
  site: Site,
  platform: PlatformRecord,
  request: GrowRequest,
  defaults: Defaults,
): ReserveRequest {
  return {
    compute: computeIndex(site, platform.brick),
    segments: segmentsFor(request.size, site.segmentSize, 'size'),
    pathUtil: pathUtil(request.pathUtil, platform.pathUtil),
    policy: policyOf(request.policy ?? platform.policy, defaults),
  };
}

function computeIndex(site: Site, brick: string): number {
  const compute = site.computes.get(brick);
  if (compute !== undefined) return compute.index;
  const known = site.memories.has(brick) || site.accelerators.has(brick);
  throw new SdmError(
    'SDM_NOT_FOUND',
    known
      ? `brick ${brick} is no compute brick; \`sdm brick list\` says which are`
      : `there is no brick ${brick}; \`sdm brick list\` lists them`,
    { details: { brick } },
  );
}

/** Rounded up. */
function mebibytes(size: string): number {
  return atMost((BigInt(size) + MIB - 1n) / MIB);
}

function pathUtil(given: number | undefined, otherwise: number): number {
  const value = given ?? otherwise;
  if (Number.isInteger(value) && value >= 0 && value <= 100) return value;
  throw new SdmError(
    'SDM_INPUT',
    `pathUtil is ${value}; expected a whole number from 0 to 100, in percent of a transceiver`,
    { details: { key: 'pathUtil', found: value } },
  );
}

function policyOf(given: string | undefined, { policy, policies }: Defaults): PolicyName {
  const name = given ?? policy;
  if (policies.includes(name)) return name as PolicyName;
  const meant = closest(name, [...policies]);
  const guess = meant === undefined ? '' : ` (is "${meant}" meant?)`;
  throw new SdmError(
    'SDM_INPUT',
    `policy is "${name}"${guess}; there are: ${policies.join(', ')}`,
    {
      details: { key: 'policy', found: name },
    },
  );
}
