/**
 * What goes into and comes out of the reservation core. Bricks, switches, links are indices of the
 * graph (inventory/graph.ts); memory is in MiB; util in percent of a transceiver.
 */

/** Names of the rows of the table of policies (policies/index.ts). */
export type PolicyName = 'nearest' | 'spread' | 'pack' | 'same-box';
export type Policy = PolicyName;

export interface ReserveRequest {
  /** This compute brick and no other: a platform that grows. */
  readonly compute?: number;
  /** With `compute`: cores come from this coherent island, the one that the platform has already. */
  readonly island?: number;
  /** All from one coherent island. Default 0. */
  readonly cores?: number;
  /** MiB of the compute brick itself. Default 0. */
  readonly localMemory?: number;
  /**
   * MiB in all, beside `localMemory` and `segments`: of the compute brick as far as it goes, the rest in
   * whole segments. Default 0.
   */
  readonly memory?: number;
  /** How much of `memory` may be local, MiB. Default: all. */
  readonly localAtMost?: number;
  /** Remote segments. */
  readonly segments: number;
  /** 0 to 100: what is taken of every transceiver, link and packet switch of each path. */
  readonly pathUtil: number;
  readonly policy: Policy;
}

/** Segments of one memory brick in a row: one memport. */
export interface ReservedRun {
  readonly memory: number;
  readonly first: number;
  readonly count: number;
  /** Id of the path that it uses, one of the reservation's `paths`. */
  readonly path: number;
}

/** A way through one switch; both ports are the switch's own numbers. */
export interface Hop {
  readonly switch: number;
  readonly in: number;
  readonly out: number;
}

export interface ReservedPath {
  /** Of the path: several reservations of one pair of bricks may share it. */
  readonly id: number;
  readonly compute: number;
  readonly computeTransceiver: number;
  readonly memory: number;
  readonly memoryTransceiver: number;
  /** From the compute brick's side; none: the two transceivers are joined by a cable. */
  readonly hops: readonly Hop[];
  /** One more than hops. `restore` finds them by the hops, and does not look at these. */
  readonly links: readonly number[];
  /** Percent that this reservation takes of it. */
  readonly util: number;
}

export interface Reservation {
  readonly compute: number;
  /** Of the cores; -1: none were asked for. */
  readonly island: number;
  readonly cores: number;
  /** MiB. */
  readonly localMemory: number;
  readonly runs: readonly ReservedRun[];
  readonly paths: readonly ReservedPath[];
}

export type RefusedResource =
  | 'cores'
  | 'local-memory'
  | 'segments'
  | 'transceiver'
  | 'path'
  | 'memports'
  /** Each is there, but no compute brick comes to all of them. */
  | 'combination';

/** The place where it ran out: the whole site, a box, or one brick. */
export type Where =
  | { readonly kind: 'site' }
  | { readonly kind: 'box'; readonly box: number }
  | { readonly kind: 'compute'; readonly compute: number }
  | { readonly kind: 'memory'; readonly memory: number };

export interface Refusal {
  readonly refused: true;
  readonly resource: RefusedResource;
  readonly where: Where;
  /** In the resource's unit: cores, MiB, segments, percent (transceiver, path), memports. */
  readonly asked: number;
  /** The most that there was, in the same unit. */
  readonly found: number;
  /** A request like it that would have been granted now; it was tried. */
  readonly nearest?: ReserveRequest;
}

export interface ReleaseOptions {
  /** Indices into `runs` of what is released. Default: everything, with cores and local memory. */
  readonly runs?: readonly number[];
  /** The segments wait for `clean` (their lender scrubs them) before they are free. */
  readonly dirty?: boolean;
}

/** What there is; numbers of segments, cores, MiB. */
export interface Totals {
  readonly cores: number;
  readonly coresFree: number;
  /** The most cores that one coherent island has free. */
  readonly coresFreeInIsland: number;
  readonly localMemory: number;
  readonly localMemoryFree: number;
  readonly segments: number;
  readonly segmentsFree: number;
  readonly segmentsDirty: number;
  readonly segmentsQuarantined: number;
  readonly paths: number;
  readonly circuits: number;
}

/** The core's public methods: src/controller/reservation/core.ts. */
export interface Reservations {
  /** All or nothing. @throws SDM_INPUT for a request that no site could grant: pathUtil over 100 … */
  reserve(request: ReserveRequest): Reservation | Refusal;
  /** The same answer, and nothing is changed. */
  plan(request: ReserveRequest): Reservation | Refusal;
  explain(request: ReserveRequest): Refusal | 'fits';
  /**
   * @returns what is left of the reservation, undefined: nothing. What a reservation takes of a path is
   *   given back with its last run on that path.
   * @throws SDM_INTERNAL, before anything is changed, for what is not reserved.
   */
  release(reservation: Reservation, options?: ReleaseOptions): Reservation | undefined;
  /** Claims exactly that, path ids too. @throws SDM_CONFLICT, before anything is changed, if a part is taken. */
  restore(reservation: Reservation): void;
  /** Segments without an owner that wait for a scrub, after a restart. @throws SDM_CONFLICT. */
  markDirty(memory: number, first: number, count: number): void;
  /** Scrubbed: dirty segments become free. @throws SDM_CONFLICT for one that is not dirty. */
  clean(memory: number, first: number, count: number): void;
  /** Not given to anybody from now on, whatever their state is. Twice is once. */
  quarantine(memory: number, first: number, count: number): void;
  unquarantine(memory: number, first: number, count: number): void;
  /** false: nothing new there (drained, lost); what is reserved there stays. */
  setComputeUsable(compute: number, usable: boolean): void;
  setMemoryUsable(memory: number, usable: boolean): void;
  setSwitchUsable(index: number, usable: boolean): void;
  totals(): Totals;
}
