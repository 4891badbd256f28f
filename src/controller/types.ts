import type { EventLog } from '../common/server/event-log.js';
import type { AttachmentRecord, BrickId, BrickRecord, PlatformRecord } from './records.js';
import type { PlatformPage, StateCounts } from './listing.js';
import type { Store } from './store/types.js';
import type {
  AllocateRequest,
  BrickView,
  CommandOptions,
  ControllerEvent,
  DriftView,
  ExplainView,
  GrowRequest,
  GrowResult,
  Liveness,
  PlanRequest,
  PlanView,
  PlatformView,
  Problem,
  ShrinkRequest,
  ShrinkResult,
  SwitchLiveness,
  SwitchView,
  TotalsView,
  TrayView,
  Who,
} from './views.js';

export type * from './records.js';
export type * from './views.js';

/** How a brick is fenced: what takes the place of its own word. */
export interface FenceOptions {
  /** A person has seen that it is off. */
  readonly confirmed?: boolean;
}

/**
 * The controller as its API sees it. Commands wait until the controller has reconciled, then for those
 * before them on the same platform; a client that goes away does not stop its command. Every one may
 * reject with SDM_STOPPING or SDM_STORE; refusals have the reservation core's `resource`, `where`,
 * `asked`, `found` and `nearest` as details.
 */
export interface ControllerCore {
  readonly name: string;
  /** The term; raised at each start. */
  readonly epoch: bigint;
  readonly store: Store;
  readonly events: EventLog<ControllerEvent>;
  /** Resolves when commands are carried out; rejects where the controller cannot begin. */
  readonly reconciled: Promise<void>;

  /** @throws SDM_NO_CORES, SDM_NO_LOCAL_MEMORY, SDM_NO_SEGMENTS, SDM_NO_PATH, SDM_NO_TRANSCEIVER,
   *   SDM_NO_MEMPORT, SDM_NO_COMBINATION; SDM_FAILED with `details.step`, `brick`, `cause`: a step of it
   *   failed, and it is undone or (`details.platform`) still being undone. */
  allocate(request: AllocateRequest, who: Who, options?: CommandOptions): Promise<PlatformView>;
  grow(id: number, request: GrowRequest, who: Who, options?: CommandOptions): Promise<GrowResult>;
  shrink(
    id: number,
    request: ShrinkRequest,
    who: Who,
    options?: CommandOptions,
  ): Promise<ShrinkResult>;
  /** Resolves when nothing of it is left but segments that wait for their scrub. */
  release(id: number, who: Who, options?: CommandOptions): Promise<void>;
  /** @throws as `allocate`: nothing is changed either way. */
  plan(request: PlanRequest): PlanView;
  explain(request: PlanRequest): ExplainView;

  /** These show what is durable. */
  list(): PlatformView[];
  /** Those with greater ids, at most so many. */
  page(after: number, limit: number): PlatformPage;
  /** Platforms and their attachments by state, in one walk. */
  counts(): StateCounts;
  /** @throws SDM_NOT_FOUND with `details.platform`. */
  get(id: number): PlatformView;
  totals(): TotalsView;

  bricks(): BrickView[];
  /** @throws SDM_NOT_FOUND. */
  brick(id: BrickId): BrickView;
  drain(id: BrickId, on: boolean, who: Who): Promise<BrickView>;
  fence(id: BrickId, options: FenceOptions, who: Who): Promise<BrickView>;
  switches(): SwitchView[];
  /** @throws SDM_NOT_FOUND. */
  switch(id: string): SwitchView;
  /** The topology as its file has it, for those who draw it. */
  topology(): unknown;

  trays(): TrayView[];
  registerTray(registration: unknown, who: Who): Promise<TrayView>;
  trayEvent(id: string, event: unknown, who: Who): void;

  /** @throws SDM_NOT_FOUND for a lease that there is not, or that has ended. */
  keepLeaseAlive(id: string): Promise<void>;
  drift(): DriftView;
  problems(): Problem[];
  /** Drops keys that are the API's own. */
  forget(keys: readonly string[]): Promise<void>;
  backup(path: string): Promise<void>;
  /** What hangs, in a sentence; undefined: nothing. */
  overdue(): string | undefined;
  /** Refuses what has not begun, waits for the rest, closes the store. */
  close(): Promise<void>;
}

export interface GrantOptions {
  /** It is in use already: a lender that knows nothing of it takes it as it is, and scrubs nothing. */
  readonly adopt?: boolean;
}

/**
 * The steps of an attachment, each idempotent: whoever is not sure does it again. One at a time per
 * attachment; the caller holds the platform's turn. They change `state`, `at` and `error` of the record
 * they are given, and store nothing. Without an address there is nothing to do, and it is done.
 * @throws SDM_UNREACHABLE, SDM_TIMEOUT (after retries; what came of it is not known), or the other
 *   side's own error; `details.step` and `details.target` say where.
 */
export interface AttachmentSteps {
  ensureGranted(
    platform: PlatformRecord,
    attachment: AttachmentRecord,
    options?: GrantOptions,
  ): Promise<void>;
  /** All of its hops: rack switches first, then the boxes'. */
  ensureWired(platform: PlatformRecord, attachment: AttachmentRecord): Promise<void>;
  ensureAttached(platform: PlatformRecord, attachment: AttachmentRecord): Promise<void>;
  ensureDetached(platform: PlatformRecord, attachment: AttachmentRecord): Promise<void>;
  /** Hops that another attachment needs stay. */
  ensureUnwired(platform: PlatformRecord, attachment: AttachmentRecord): Promise<void>;
  /**
   * Drops the grant; the segments read zero when it resolves.
   * @throws SDM_NOT_CLEAN, SDM_RANGE_TAKEN for what the lender keeps, or has granted to another: left alone.
   */
  ensureScrubbed(
    attachment: Pick<AttachmentRecord, 'id' | 'memory' | 'first' | 'count'>,
  ): Promise<void>;
}

/** What the word on a brick becomes; undefined: it stays. */
export type BrickChange = (record: BrickRecord) => BrickRecord | undefined;

/** How an end of a platform's command came out. */
export type Settled = 'active' | 'gone' | 'pending';

/** What the reconcile loop works with beside ControllerCore. */
export interface ReconcilePort {
  readonly name: string;
  readonly epoch: bigint;
  readonly store: Store;
  readonly events: EventLog<ControllerEvent>;
  readonly steps: AttachmentSteps;
  /** The records as they are now, by id; to be changed within a turn only. */
  readonly platforms: ReadonlyMap<number, PlatformRecord>;
  /** Runs when no command is on that platform; undefined if the platform is gone by then. */
  turn<T>(id: number, task: (platform: PlatformRecord) => Promise<T>): Promise<T | undefined>;
  /** Stores the record as it is. */
  save(platform: PlatformRecord): Promise<void>;
  /**
   * Ends what a crash or an unreachable daemon has left: allocating and failed are undone, releasing is
   * released, changing goes where it was going. Takes the platform's turn by itself. pending: something
   * does not answer, and the record says what.
   */
  settle(id: number): Promise<Settled>;
  /** Scrubs what `scrubs/` has of that memory brick, and gives it back as free. @returns how many. */
  settleScrubs(memory: BrickId): Promise<number>;
  release(id: number, who: Who): Promise<void>;
  /**
   * Changes the durable word on a brick, and tells the core. One change of a brick after the other, each
   * of what the one before it has stored; undefined: it stays as it is.
   * @returns whether it was changed.
   */
  setBrick(id: BrickId, change: BrickChange): Promise<boolean>;
  brickRecord(id: BrickId): BrickRecord | undefined;
}

/** What the reconcile loop has to offer to the controller. */
export interface Reconciler {
  /** Once, before commands that change anything: settles what was under way. */
  begin(): Promise<void>;
  /** Looks again and again until it is closed. */
  start(): void;
  liveness(id: BrickId): Liveness;
  /** Of the dBMC that sets it. */
  switchLiveness(id: string): SwitchLiveness;
  /** Those that no new path goes over. */
  lostSwitches(): readonly string[];
  fence(id: BrickId, options: FenceOptions, who: Who): Promise<void>;
  drift(): DriftView;
  /**
   * Something may have changed at those bricks and switches: they are looked at soon, and what waits for
   * them goes on.
   * @param changed whether the topology has changed.
   */
  hint(where: ReadonlySet<string>, options?: { readonly changed: boolean }): void;
  close(): Promise<void>;
}
