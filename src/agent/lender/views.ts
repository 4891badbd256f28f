import type { GrantRecord, LenderModel } from './model.js';
import { rangeOfRun, runsOf, segmentsOf, type Geometry } from './runs.js';
import type { Scrubber } from './scrubber.js';
import {
  SEGMENT_STATES,
  type Grant,
  type LenderView,
  type SegmentState,
  type SegmentsView,
} from './types.js';

export function grantView(
  geometry: Geometry,
  { id, owner, runs, shared, region, borrower }: GrantRecord,
  state: Grant['state'],
  scrubber?: Pick<Scrubber, 'errorOf'>,
): Grant {
  const failed =
    state === 'leaving'
      ? segmentsOf(runs).find((segment) => scrubber?.errorOf(segment) !== undefined)
      : undefined;
  const error = failed === undefined ? undefined : scrubber?.errorOf(failed);
  return {
    id,
    ranges: runs.map((run) => rangeOfRun(geometry, run)),
    shared,
    region,
    ...(borrower === undefined ? {} : { borrower }),
    owner,
    state,
    ...(error === undefined ? {} : { error }),
  };
}

type Segment = Pick<SegmentsView, 'state' | 'grants' | 'region' | 'error'>;

function segmentView(model: LenderModel, scrubber: Scrubber, segment: number): Segment {
  const grants = model.owners[segment]!;
  if (grants.length > 0) return { state: 'granted', grants: [...grants] };
  const base = model.base[segment]!;
  if (typeof base === 'object') return { state: 'retained', grants, region: base.retained };
  const error = scrubber.errorOf(segment);
  return {
    state: base === 'dirty' && scrubber.isRunning(segment) ? 'scrubbing' : base,
    grants,
    ...(error === undefined ? {} : { error }),
  };
}

/** What is true of all segments, neighbours together. */
export function segmentsView(
  model: LenderModel,
  geometry: Geometry,
  scrubber: Scrubber,
): Pick<LenderView, 'counts' | 'segments'> {
  const each = model.base.map((_, segment) => segmentView(model, scrubber, segment));
  const counts = Object.fromEntries(SEGMENT_STATES.map((state) => [state, 0])) as Record<
    SegmentState,
    number
  >;
  for (const { state } of each) counts[state] += 1;
  const texts = each.map((segment) => JSON.stringify(segment));
  const runs = runsOf([...each.keys()], (before, segment) => texts[before] === texts[segment]);
  const segments = runs.map((run) => ({
    ...run,
    ...rangeOfRun(geometry, run),
    ...each[run.first]!,
  }));
  return { counts, segments };
}
