/**
 * Where the controller keeps what must survive it. Made so that a cluster's store (etcd) can stand
 * behind it: flat keys, one counter of revisions, compare-and-swap, leases, watch. docs/store.md maps
 * each method. What a store has to do is test/controller/store/contract.test.ts.
 */

/** A key as it is now. Keys are compared as UTF-8 bytes, and ranges come in that order. */
export interface Entry {
  readonly key: string;
  /** JSON; to the store it is text. */
  readonly value: string;
  /** Of the commit that wrote it last; never 0. */
  readonly revision: number;
  /** The lease it goes with. */
  readonly lease?: string;
}

/** Entries as they were all at once, and the store's revision then: where a watch goes on. */
export interface Snapshot {
  readonly revision: number;
  readonly entries: Entry[];
}

export interface Compare {
  readonly key: string;
  /** The revision that the key must have; 0: the key must not be there. */
  readonly revision: number;
}

export interface Put {
  readonly key: string;
  readonly value: string;
  /** The key goes when this lease ends. A put without it takes the key out of its lease. */
  readonly lease?: string;
}

/** All of it or nothing. A key may be put or deleted once; deleting what is not there is fine. */
export interface Transaction {
  readonly compare?: readonly Compare[];
  readonly put?: readonly Put[];
  readonly delete?: readonly string[];
}

/**
 * `revision`: the store's after it; what was put has it. A transaction that changes nothing leaves
 * the revision as it is. `conflict`: the first key that compared unequal; nothing was done.
 */
export type Committed =
  | { readonly ok: true; readonly revision: number }
  | { readonly ok: false; readonly conflict: string };

export interface Change {
  /** All changes of one commit have its revision. */
  readonly revision: number;
  readonly kind: 'put' | 'delete';
  readonly key: string;
  /** Of a put. */
  readonly value?: string;
  readonly lease?: string;
}

export interface LeaseView {
  readonly id: string;
  readonly ttlMs: number;
  /** Until it ends, if nobody keeps it alive. */
  readonly leftMs: number;
}

/**
 * Every promise may reject with SDM_STORE (the store cannot go on; `failed` has fired, and whether
 * what was under way is there is only known after the next opening), SDM_TIMEOUT (it waited in a
 * queue until its deadline: nothing was done) or SDM_CLOSED.
 */
export interface Store {
  /** All keys that begin with `prefix` (all, for ''), sorted. Sees all that was ever answered. */
  range(prefix: string): Promise<Entry[]>;
  /** The same with the revision: `watch(prefix, revision)` then misses nothing and repeats nothing. */
  snapshot(prefix: string): Promise<Snapshot>;
  /**
   * Durable when it resolves.
   * Rejects with SDM_INPUT for a key that is put or deleted twice, empty or too long, or a value that
   * is too long; SDM_NOT_FOUND for a lease that there is not.
   */
  commit(transaction: Transaction): Promise<Committed>;
  /**
   * Changes of keys that begin with `prefix`, of revisions above `after`, in order, without end; ends
   * when the store is closed. Throws SDM_STORE_COMPACTED if they are no longer known: begin again with
   * a snapshot. A reader that is slow loses nothing but that.
   */
  watch(prefix: string, after: number): AsyncIterable<Change>;
  /**
   * Durable when it resolves. The keys that were put with the lease go with it, in one revision. One
   * that is there with the same `ttlMs` is kept alive; with another, SDM_CONFLICT.
   * @param ttlMs 1 to 2^31 - 1. Counted by a clock that only runs while the store is open: after an
   *   opening every lease has all of it again.
   */
  grantLease(id: string, ttlMs: number): Promise<void>;
  /** Rejects with SDM_NOT_FOUND if there is none, or it ended. */
  keepLeaseAlive(id: string): Promise<void>;
  /** Ends it now, with its keys; durable when it resolves. One that there is not is fine. */
  revokeLease(id: string): Promise<void>;
  leases(): Promise<LeaseView[]>;
  /**
   * Writes a copy, as of some moment of this call, to a file: whole and checked, or not at all. Commits
   * go on meanwhile. Rejects with SDM_CONFLICT if there is such a file: it stays as it is. SDM_INPUT:
   * nothing can be made there, or it is a name of the store's own.
   */
  backup(path: string): Promise<void>;
  /** Resolves with why the store cannot go on; it never rejects. Who uses it ends its process then. */
  readonly failed: Promise<Error>;
  /** Ends what is queued, and what watches. Idempotent. */
  close(): Promise<void>;
}

export interface StoreLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface StoreOptions {
  /** Of the database. Made, with its directory (0700), if it is not there. */
  readonly path: string;
  readonly log: StoreLog;
  /** For each call; default 10,000. */
  readonly deadlineMs?: number;
  /** Changes that are kept for watchers who come late; default 10,000. */
  readonly history?: number;
}
