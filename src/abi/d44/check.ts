import { SdmError } from '../../common/errors.js';
import { hex } from '../numbers.js';
import { sizeOf, type AddCommand, type AddSegment, type RemoveSegment } from './types.js';

/** What is refused of a command before anything is touched. */
export interface SegmentChecks {
  /** Bytes of which startA, the size and the remote address are multiples; undefined: of none. */
  readonly unit: bigint | undefined;
  /** No two segments lead to the same remote bytes. */
  readonly remoteOverlap: boolean;
}

/** What of a segment is no multiple of the unit, and what it should be. */
export interface Misalignment {
  readonly key: 'startA' | 'size' | 'remote';
  readonly found: bigint;
  /** How far beyond the multiple below. */
  readonly past: bigint;
  readonly expected: bigint | undefined;
}

/** @throws SDM_INPUT naming segment, what is wrong with it, and what was expected. */
export function checkAdd(command: AddCommand, { unit, remoteOverlap }: SegmentChecks): void {
  if (unit !== undefined) checkAligned(command, unit);
  if (remoteOverlap) checkRemotesApart(command);
}

/** The first thing given of a segment that is no multiple of `unit`; undefined: all is. */
export function misalignment(
  segments: readonly RemoveSegment[],
  index: number,
  unit: bigint,
): Misalignment | undefined {
  const segment = segments[index]!;
  const size = sizeOf(segment);
  const past = (value: bigint): bigint => value % unit;
  if (past(segment.start) !== 0n) {
    return { key: 'startA', found: segment.start, past: past(segment.start), expected: undefined };
  }
  if (past(size) !== 0n) {
    // endA is the last address; some senders give the one after it
    const expected = past(size) === 1n && size > unit ? size - 1n : undefined;
    return { key: 'size', found: size, past: past(size), expected };
  }
  if (segment.remote === undefined || past(segment.remote) === 0n) return undefined;
  const meant = slipOf(segments)?.meant[index];
  const expected = meant === undefined || past(meant) !== 0n ? undefined : meant;
  const { remote } = segment;
  return { key: 'remote', found: remote, past: past(remote), expected };
}

function checkAligned({ segments }: AddCommand, unit: bigint): void {
  for (const [index, segment] of segments.entries()) {
    const wrong = misalignment(segments, index, unit);
    if (wrong === undefined) continue;
    const { key, found, past, expected } = wrong;
    const slip = key === 'remote' && expected !== undefined ? slipOf(segments) : undefined;
    // such remotes overlap as well
    const off = slip === undefined ? '' : ', "remoteOverlap": false';
    const last = expected === undefined ? undefined : segment.start + expected - 1n;
    const meant =
      key === 'size' && last !== undefined
        ? `${hex(expected!)}: endA is the last address, and ${hex(last)} would be it`
        : hex(expected ?? found - past);
    throw new SdmError(
      'SDM_INPUT',
      `${segmentName(index, segment)}: ${key} ${hex(found)} is ${hex(past)} past a multiple of ` +
        `${hex(unit)}; expected ${meant}${slip?.text ?? ''}. Correct the command, or let the agent take what ` +
        `the hardware takes: "checks": {"alignment": false${off}} in its configuration`,
      {
        details: {
          segment: index,
          startA: hex(segment.start),
          key,
          found: hex(found),
          past: hex(past),
          unit: hex(unit),
          expected: hex(expected ?? found - past),
        },
      },
    );
  }
}

function checkRemotesApart({ segments }: AddCommand): void {
  const order = segments.map((segment, index) => ({ segment, index, end: endOf(segment) }));
  order.sort((a, b) => (a.segment.remote < b.segment.remote ? -1 : 1));
  for (const [i, { segment, index }] of order.entries()) {
    const before = order[i - 1];
    if (before === undefined || before.end < segment.remote) continue;
    throw new SdmError(
      'SDM_INPUT',
      `${segmentName(index, segment)}: remote ${hex(segment.remote)}-${hex(endOf(segment))} overlaps ` +
        `that of segments[${before.index}], ${hex(before.segment.remote)}-${hex(before.end)}` +
        `${slipOf(segments)?.text ?? ''}. Correct the command, or let segments lead to the same ` +
        'bytes: "checks": {"remoteOverlap": false} in the configuration of the agent',
      {
        details: {
          segment: index,
          startA: hex(segment.start),
          other: before.index,
          remote: hex(segment.remote),
          otherRemote: hex(before.segment.remote),
        },
      },
    );
  }
}

function endOf(segment: AddSegment): bigint {
  return segment.remote + sizeOf(segment) - 1n;
}

/** A segment for people: where it stands in the command, and what it is. */
export function segmentName(index: number, { start }: { readonly start: bigint }): string {
  return `segments[${index}] (startA ${hex(start)})`;
}

interface Slip {
  /** Remote address that each segment was meant to have, in the order of the command. */
  readonly meant: readonly bigint[];
  readonly text: string;
}

/**
 * The slip that D4.4's own example has: segments follow each other, and their remote addresses are
 * one byte apart, because the generator added index instead of index times size.
 */
function slipOf(segments: readonly RemoveSegment[]): Slip | undefined {
  const order = segments.map((segment, index) => ({ segment, index }));
  order.sort((a, b) => (a.segment.start < b.segment.start ? -1 : 1));
  const { start, end, remote } = order[0]!.segment;
  const size = sizeOf({ start, end });
  if (remote === undefined || size === 1n || order.length < 2) return undefined;
  const slipped = order.every(
    ({ segment }, i) =>
      sizeOf(segment) === size &&
      segment.start === start + BigInt(i) * size &&
      segment.remote === remote + BigInt(i),
  );
  if (!slipped) return undefined;
  const meant = new Array<bigint>(segments.length);
  for (const [i, { index }] of order.entries()) meant[index] = remote + BigInt(i) * size;
  const more = order.slice(1).map((_, i) => `+${i + 1}`);
  const rest = more.length > 3 ? [...more.slice(0, 2), '…', more.at(-1)] : more;
  return {
    meant,
    text:
      `: the segments follow each other, but their remotes are ${hex(remote)} and ` +
      `${rest.join(', ')}; the generator added the index where index times size was meant`,
  };
}
