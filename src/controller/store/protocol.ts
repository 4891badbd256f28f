/** What the controller's thread and the thread of the database say to each other. */
import type { Compare, LeaseView, Put } from './types.js';

export type Operation =
  | {
      readonly kind: 'commit';
      readonly compare: readonly Compare[];
      readonly put: readonly Put[];
      readonly delete: readonly string[];
    }
  | { readonly kind: 'grant'; readonly id: string; readonly ttlMs: number }
  | { readonly kind: 'revoke'; readonly id: string };

/** Of one operation; `deleted`: keys that were there and are not any more. */
export type Outcome =
  | { readonly kind: 'done'; readonly revision: number; readonly deleted: readonly string[] }
  | { readonly kind: 'conflict'; readonly key: string }
  | { readonly kind: 'no-lease'; readonly id: string }
  | { readonly kind: 'other-ttl'; readonly ttlMs: number };

/** key, value, revision, lease: as an array it costs half of an object on its way. */
export type Row = readonly [string, string, number, string | null];

export type Request =
  | { readonly kind: 'group'; readonly operations: readonly Operation[] }
  | { readonly kind: 'range'; readonly prefix: string }
  | { readonly kind: 'backup'; readonly path: string }
  | { readonly kind: 'close' };

export type Call = Request & { readonly call: number };

export interface Opened {
  readonly revision: number;
  readonly leases: readonly Pick<LeaseView, 'id' | 'ttlMs'>[];
  /** The schema that was there. */
  readonly schema: number;
  /** Whether the last use did not end with a close, so that the file was checked; ms of that. */
  readonly checkedMs?: number;
}

/** An error on its way; `code` of ERRORS, or absent for what SQLite says. */
export interface Problem {
  readonly message: string;
  readonly code?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export type Reply =
  | { readonly kind: 'opened'; readonly opened: Opened }
  | { readonly kind: 'refused'; readonly problem: Problem }
  | { readonly call: number; readonly kind: 'group'; readonly outcomes: readonly Outcome[] }
  | { readonly call: number; readonly kind: 'rows'; readonly rows: readonly Row[] }
  | { readonly call: number; readonly kind: 'end'; readonly revision: number }
  | { readonly call: number; readonly kind: 'done' }
  | { readonly call: number; readonly kind: 'failed'; readonly problem: Problem };

/** What a thread is started for. */
export type Job =
  | { readonly job: 'serve'; readonly path: string }
  /** Makes one file of a copy, looks through all of it, and ends. */
  | { readonly job: 'check'; readonly path: string };
