/**
 * Public types of the lender. Addresses and sizes are bytes as bigint; where a value leaves the
 * process, `toJson` turns every bigint into a "0x…" string.
 */
import type { Caller, ErrorView, JournalView } from '../types.js';

/**
 * What is true of a segment; docs/lender.md has each of them.
 * - clean: nobody's, and proven to be zero: may be granted
 * - granted: of one grant, or of several that share it
 * - retained: of no grant, its bytes kept for a region
 * - unknown: it held bytes when this lender first saw it, and nobody has said whose they are
 * - dirty: of no grant, to be scrubbed: never granted
 * - scrubbing: a scrub is under way
 */
export const SEGMENT_STATES = [
  'clean',
  'granted',
  'retained',
  'unknown',
  'dirty',
  'scrubbing',
] as const;
export type SegmentState = (typeof SEGMENT_STATES)[number];

/** Remote addresses: [start, start + size), whole segments of this lender. */
export interface LentRange {
  readonly start: bigint;
  readonly size: bigint;
}

/** Bytes that only those give up who say so. */
export const KEPT_STATES = ['retained', 'unknown'] as const;
export type KeptState = (typeof KEPT_STATES)[number];

export interface GrantRequest {
  readonly ranges: readonly LentRange[];
  /** Others that say so too may have the same bytes. Default false. */
  readonly shared?: boolean;
  /** Whose brick uses it: for people. */
  readonly borrower?: string;
  /** What the bytes are called; what is retained goes to a grant of the same region only. Default: the id. */
  readonly region?: string;
  /**
   * The borrower has it in use, and this lender has lost its journal: taken as it is, also what is unknown,
   * and not scrubbed before. Default false.
   */
  readonly adopt?: boolean;
}

export interface Grant {
  readonly id: string;
  readonly ranges: readonly LentRange[];
  readonly shared: boolean;
  readonly region: string;
  readonly borrower?: string;
  /** `local`, or the controller that granted it last. */
  readonly owner: string;
  /** leaving: dropped, and its bytes are not yet scrubbed. */
  readonly state: 'granted' | 'leaving';
  /** Why a scrub of it failed; it is tried again. */
  readonly error?: ErrorView;
}

/** What shows that a range is zero. */
export interface ScrubProof {
  /** punch: its pages were given back to the file system; fill: zeroes were written. */
  readonly method: 'punch' | 'fill';
  /** No data in the range by SEEK_DATA; always true for `punch`, not asked for `fill`. */
  readonly holes: boolean;
  /** Every byte was read back as zero. */
  readonly zeroes: boolean;
}

/** The answer to the end of a grant, or to a scrub. */
export interface Scrubbed {
  /** Of the grant; undefined for a scrub that was asked for by itself. */
  readonly id?: string;
  /** Bytes that were scrubbed; 0 where they have other owners, or are retained. */
  readonly scrubbed: bigint;
  readonly retained: bigint;
  /** Bytes that others still share. */
  readonly shared: bigint;
  /** Of the scrub alone. */
  readonly ms: number;
  readonly ranges: readonly LentRange[];
  /** Undefined where nothing was scrubbed. */
  readonly proof?: ScrubProof;
}

/** Neighbours of which the same is true. */
export interface SegmentsView {
  /** Number of the first, in this lender. */
  readonly first: number;
  readonly count: number;
  /** Remote address of the first. */
  readonly start: bigint;
  readonly size: bigint;
  readonly state: SegmentState;
  readonly grants: readonly string[];
  /** Of those that are retained. */
  readonly region?: string;
  /** Why the last scrub failed; it is tried again. */
  readonly error?: ErrorView;
}

export interface LenderView {
  readonly brick: string;
  readonly role: 'memory';
  readonly pool: string;
  readonly base: bigint;
  readonly size: bigint;
  readonly segmentSize: bigint;
  /** Segments by state. */
  readonly counts: Readonly<Record<SegmentState, number>>;
  /** Bytes of its part that the pool file has pages for; undefined for what is no file. */
  readonly allocated?: bigint;
  /** All of them, in order. */
  readonly segments: readonly SegmentsView[];
}

/** What may be asked of a lender. Commands of controllers are refused once their term is over. */
export interface LenderCore {
  view(): Promise<LenderView>;
  grants(): Grant[];
  /** @throws SDM_NOT_FOUND. */
  grant(id: string): Grant;
  /**
   * Durable when it resolves. The same again is the same grant.
   * @throws SDM_INPUT, SDM_NOT_OURS (not of this lender), SDM_CONFLICT, SDM_RANGE_TAKEN,
   * SDM_NOT_CLEAN, SDM_STALE_EPOCH, SDM_JOURNAL.
   */
  put(
    id: string,
    request: GrantRequest,
    caller: Caller,
  ): Promise<{ readonly grant: Grant; readonly created: boolean }>;
  /**
   * Resolves when the bytes are proven to be zero, or kept.
   * @throws SDM_NOT_FOUND, SDM_NOT_OWNER, SDM_SCRUB (they stay dirty, and it is tried again),
   * SDM_TIMEOUT (it goes on), SDM_STALE_EPOCH, SDM_JOURNAL.
   */
  drop(id: string, options: DropOptions, caller: Caller): Promise<Scrubbed>;
  /**
   * Scrubs what is dirty, and what it is told to give up.
   * @throws as `drop`; SDM_RANGE_TAKEN for what is granted; SDM_NOT_CLEAN for what is kept: nothing
   * is scrubbed then.
   */
  scrub(request: ScrubRequest, caller: Caller): Promise<Scrubbed>;
  journal(): JournalView;
  /** What hangs, in a sentence; undefined while all is well. */
  overdue(): string | undefined;
  close(): Promise<void>;
}

export interface DropOptions {
  /** The bytes are kept for the grant's region. Default false. */
  readonly retain?: boolean;
  /** Also if it is another one's. */
  readonly override?: boolean;
  /** Only if this is all that it has: otherwise it is a grant that the caller does not mean. */
  readonly range?: LentRange;
}

/** Either of the two. */
export interface ScrubRequest {
  readonly ranges?: readonly LentRange[];
  readonly region?: string;
  /** What may go beside what is dirty. Default: nothing; of a region, what is retained for it. */
  readonly giveUp?: readonly KeptState[];
}
