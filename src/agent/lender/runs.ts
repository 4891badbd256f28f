import { SdmError } from '../../common/errors.js';
import { hex } from '../../common/units.js';
import type { LentRange } from './types.js';

/** Segments by their numbers: [first, first + count). */
export interface Run {
  readonly first: number;
  readonly count: number;
}

/** What a lender has of the pool; bytes. */
export interface Geometry {
  /** Remote address of segment 0. */
  readonly base: bigint;
  readonly size: bigint;
  readonly segmentSize: bigint;
}

export function segmentCount({ size, segmentSize }: Geometry): number {
  return Number(size / segmentSize);
}

export function rangeOfRun({ base, segmentSize }: Geometry, { first, count }: Run): LentRange {
  return { start: base + BigInt(first) * segmentSize, size: BigInt(count) * segmentSize };
}

/**
 * The segments of a range.
 * @throws SDM_NOT_OURS where it leaves the lender's part, SDM_INPUT where it is no whole segments.
 */
export function runOfRange(geometry: Geometry, { start, size }: LentRange): Run {
  const { base, size: all, segmentSize } = geometry;
  const named = `range ${hex(start)}-${hex(start + size - 1n)}`;
  const details = { start: hex(start), size: hex(size), segmentSize: hex(segmentSize) };
  if (size <= 0n) {
    throw new SdmError('SDM_INPUT', `a range at ${hex(start)} has no bytes`, { details });
  }
  if (start < base || start + size > base + all) {
    throw new SdmError(
      'SDM_NOT_OURS',
      `${named} is not of this lender, which has ${hex(base)}-${hex(base + all - 1n)}`,
      { details },
    );
  }
  if ((start - base) % segmentSize !== 0n || size % segmentSize !== 0n) {
    throw new SdmError(
      'SDM_INPUT',
      `${named} is no whole segments: these are ${hex(segmentSize)} each, from ${hex(base)} on`,
      { details },
    );
  }
  return { first: Number((start - base) / segmentSize), count: Number(size / segmentSize) };
}

/** The numbers in runs, in the order in which they stand. */
export function segmentsOf(runs: readonly Run[]): number[] {
  return runs.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i));
}

/**
 * Runs of neighbours.
 * @param segments rising.
 * @param alike whether a segment may stand with the one before it. Default: always.
 */
export function runsOf(
  segments: readonly number[],
  alike: (before: number, segment: number) => boolean = () => true,
): Run[] {
  const runs: { first: number; count: number }[] = [];
  for (const segment of segments) {
    const last = runs.at(-1);
    const before = segment - 1;
    if (last !== undefined && last.first + last.count === segment && alike(before, segment)) {
      last.count += 1;
    } else runs.push({ first: segment, count: 1 });
  }
  return runs;
}
