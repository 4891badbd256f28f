import { ID_PATTERN } from '../attachment-id.js';
import { SdmError } from '../../common/errors.js';
import { hex } from '../../common/units.js';
import type { GrantRecord, LenderIdentity, LenderModel } from './model.js';
import { rangeOfRun, runOfRange, segmentsOf, type Geometry, type Run } from './runs.js';
import type { GrantRequest, KeptState, LentRange, ScrubRequest } from './types.js';

const ID = new RegExp(ID_PATTERN);
/** Of one grant. */
export const RANGES_MAX = 4096;

/** @throws SDM_INPUT; SDM_NOT_OURS. */
export function recordOf(
  geometry: Geometry,
  id: string,
  request: GrantRequest,
  owner: string,
): GrantRecord {
  if (!ID.test(id)) {
    throw new SdmError(
      'SDM_INPUT',
      `id is "${id}"; expected 1 to 64 of letters, digits, dot, underscore and hyphen`,
    );
  }
  const runs = runsOfRanges(geometry, request.ranges);
  const { shared = false, region = id, borrower } = request;
  return { id, owner, runs, shared, region, ...(borrower === undefined ? {} : { borrower }) };
}

/** @throws SDM_INPUT (none, too many, or two that overlap), SDM_NOT_OURS. */
export function runsOfRanges(geometry: Geometry, ranges: readonly LentRange[]): Run[] {
  if (ranges.length === 0 || ranges.length > RANGES_MAX) {
    throw new SdmError('SDM_INPUT', `${ranges.length} ranges are given; give 1 to ${RANGES_MAX}`);
  }
  const runs = ranges.map((range) => runOfRange(geometry, range));
  const segments = segmentsOf(runs);
  if (new Set(segments).size === segments.length) return runs;
  throw new SdmError('SDM_INPUT', 'two of the ranges have bytes in common: name each once');
}

/** @throws SDM_CONFLICT where the same id stands for something else. */
export function checkSame(known: GrantRecord, asked: GrantRecord): void {
  const differing = (['runs', 'shared', 'region', 'borrower'] as const).filter(
    (key) => JSON.stringify(known[key]) !== JSON.stringify(asked[key]),
  );
  if (differing.length === 0) return;
  const names = differing.map((key) => (key === 'runs' ? 'ranges' : key));
  throw new SdmError(
    'SDM_CONFLICT',
    `grant ${known.id} exists, with other ${names.join(' and ')}: choose another id, or drop it first`,
    { details: { grant: known.id, differing: names } },
  );
}

/**
 * @param adopt also what is unknown.
 * @throws SDM_RANGE_TAKEN, SDM_NOT_CLEAN unless all of it may be granted.
 */
export function checkFree(
  model: LenderModel,
  geometry: Geometry,
  asked: GrantRecord,
  adopt = false,
): void {
  for (const segment of segmentsOf(asked.runs)) {
    const owners = model.owners[segment]!;
    const range = rangeOfRun(geometry, { first: segment, count: 1 });
    const named = `segment ${segment} (${hex(range.start)}-${hex(range.start + range.size - 1n)})`;
    const details = { segment, start: hex(range.start), size: hex(range.size) };
    const alone = owners.find((id) => !asked.shared || !model.grants.get(id)!.shared);
    if (alone !== undefined) {
      throw new SdmError(
        'SDM_RANGE_TAKEN',
        `${named} is granted to ${alone}; only grants that are both shared may have the same bytes`,
        { details: { ...details, grant: alone } },
      );
    }
    const base = model.base[segment]!;
    if (owners.length > 0 || base === 'clean' || (adopt && base === 'unknown')) continue;
    if (typeof base === 'object') {
      if (base.retained === asked.region) continue;
      throw new SdmError(
        'SDM_NOT_CLEAN',
        `${named} keeps the bytes of region ${base.retained}, and region ${asked.region} asks: ` +
          'give them up first (`sdm-agent lender scrub --region`), or ask for that region',
        { details: { ...details, state: 'retained', region: base.retained } },
      );
    }
    const why =
      base === 'unknown'
        ? 'held bytes when this lender first saw it, and nobody has said whose: when nobody uses ' +
          'it, give it up (`sdm-agent lender scrub --unknown`)'
        : 'is being scrubbed: ask again when it is clean';
    throw new SdmError('SDM_NOT_CLEAN', `${named} ${why}`, {
      details: { ...details, state: base },
    });
  }
}

/** @throws SDM_CONFLICT unless the grant has just this range, where one is named. */
export function checkMeant(geometry: Geometry, grant: GrantRecord, meant?: LentRange): void {
  if (meant === undefined) return;
  const ranges = grant.runs.map((run) => rangeOfRun(geometry, run));
  const [only] = ranges;
  if (ranges.length === 1 && only!.start === meant.start && only!.size === meant.size) return;
  const text = ({ start, size }: LentRange): string => `${hex(start)}-${hex(start + size - 1n)}`;
  throw new SdmError(
    'SDM_CONFLICT',
    `grant ${grant.id} has ${ranges.map(text).join(', ')}, and was to be dropped if it has ` +
      `${text(meant)}: it is another one, and stays`,
    { details: { grant: grant.id } },
  );
}

/** @throws SDM_NOT_CLEAN where bytes are kept that nobody said to give up. */
export function checkGivenUp(
  model: LenderModel,
  geometry: Geometry,
  segments: readonly number[],
  giveUp: readonly KeptState[],
): void {
  for (const segment of segments) {
    const base = model.base[segment]!;
    const state = typeof base === 'object' ? 'retained' : base;
    if (state !== 'retained' && state !== 'unknown') continue;
    if (giveUp.includes(state)) continue;
    const { start, size } = rangeOfRun(geometry, { first: segment, count: 1 });
    const region = typeof base === 'object' ? base.retained : undefined;
    const why =
      region === undefined
        ? 'held bytes when this lender first saw it'
        : `keeps the bytes of region ${region}`;
    const option = region === undefined ? '--unknown' : `--region ${region}`;
    throw new SdmError(
      'SDM_NOT_CLEAN',
      `segment ${segment} (${hex(start)}-${hex(start + size - 1n)}) ${why}, and nothing was scrubbed: ` +
        `when nobody needs them, give them up (\`sdm-agent lender scrub ${option}\`)`,
      {
        details: {
          ...{ segment, start: hex(start), size: hex(size), state },
          ...(region === undefined ? {} : { region }),
        },
      },
    );
  }
}

/** @throws SDM_RANGE_TAKEN where a segment has a grant. */
export function checkUngranted(model: LenderModel, segments: readonly number[]): void {
  const segment = segments.find((each) => model.owners[each]!.length > 0);
  if (segment === undefined) return;
  const grants = model.owners[segment]!;
  throw new SdmError(
    'SDM_RANGE_TAKEN',
    `segment ${segment} is granted to ${grants.join(', ')}: drop that first`,
    { details: { segment, grants } },
  );
}

/**
 * @throws SDM_JOURNAL_FOREIGN if the journal speaks of something else: by it, bytes of others would
 * be scrubbed.
 */
export function checkIdentity(own: LenderIdentity, found: LenderIdentity | undefined): void {
  if (found === undefined) return;
  const text = (value: string | bigint): string =>
    typeof value === 'bigint' ? hex(value) : `"${value}"`;
  const differing = (['brick', 'pool', 'base', 'size', 'segmentSize'] as const)
    .filter((key) => found[key] !== own[key])
    .map((key) => `${key} is ${text(found[key])} there, and ${text(own[key])} here`);
  if (differing.length === 0) return;
  throw new SdmError(
    'SDM_JOURNAL_FOREIGN',
    `the journal is of something else: ${differing.join('; ')}. Nothing was touched. Start the ` +
      'lender with the configuration that it was written with, or with another stateDir',
    { details: { differing } },
  );
}

/** Of what is asked to be scrubbed, rising. @throws SDM_INPUT, SDM_NOT_OURS, SDM_NOT_FOUND. */
export function segmentsToScrub(
  model: LenderModel,
  geometry: Geometry,
  { ranges, region }: ScrubRequest,
): number[] {
  if ((ranges === undefined) === (region === undefined)) {
    throw new SdmError('SDM_INPUT', 'name either ranges or a region to scrub');
  }
  if (ranges !== undefined) {
    return segmentsOf(runsOfRanges(geometry, ranges)).sort((a, b) => a - b);
  }
  const kept = [...model.base.keys()].filter((segment) => {
    const base = model.base[segment]!;
    return typeof base === 'object' && base.retained === region;
  });
  if (kept.length > 0) return kept;
  throw new SdmError('SDM_NOT_FOUND', `nothing is retained for region ${region}`, {
    details: { region },
  });
}
