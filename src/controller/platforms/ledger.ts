import { SdmError } from '../../common/errors.js';
import type { CommitName, Faults } from '../faults.js';
import type { BrickRecord, PlatformRecord, ScrubRecord } from '../records.js';
import type { Entry, Put, Store, Transaction } from '../store/types.js';
import {
  brickKey,
  BRICKS,
  EPOCH_KEY,
  leaseKey,
  leaseId,
  NETWORKS,
  NEXT_KEY,
  platformKey,
  PLATFORMS,
  scrubKey,
  SCRUBS,
} from './keys.js';
import { networkPut, Networks, type NetworkNumber } from './networks.js';
import { snapshotOf } from './view.js';

/** Put in one transaction: a store may bound how many there can be. */
const NETWORKS_AT_ONCE = 4_096;

/** What one commit changes. */
export interface Change {
  /** Stored as they are now. */
  readonly save?: readonly PlatformRecord[];
  readonly forget?: readonly number[];
  readonly scrubs?: readonly ScrubRecord[];
  readonly scrubbed?: readonly ScrubRecord[];
  readonly bricks?: readonly (readonly [string, BrickRecord])[];
  /** More keys: what the API remembers, the lease's. */
  readonly put?: readonly Put[];
  readonly delete?: readonly string[];
}

export interface LedgerOptions {
  readonly store: Store;
  readonly faults: Faults;
  /** Of the epoch's key: whoever raised it since is the controller now. */
  readonly epochRevision: number;
}

/**
 * All records: as they are being changed (`platforms`) and as they are durable (`shown`, which is what
 * is answered). What is written here is in the store when the promise resolves.
 */
export class Ledger {
  readonly platforms = new Map<number, PlatformRecord>();
  readonly shown = new Map<number, PlatformRecord>();
  readonly scrubs = new Map<string, ScrubRecord>();
  readonly bricks = new Map<string, BrickRecord>();
  readonly networks = new Networks();
  readonly store: Store;
  /** Resolves when another controller has taken over: this process must end. It never rejects. */
  readonly replaced: Promise<Error>;
  #replace: (error: Error) => void = () => {};
  readonly #faults: Faults;
  readonly #epochRevision: number;
  #next = 1;

  constructor({ store, faults, epochRevision }: LedgerOptions) {
    this.store = store;
    this.#faults = faults;
    this.#epochRevision = epochRevision;
    this.replaced = new Promise((resolve) => (this.#replace = resolve));
  }

  /** Asks the store for what it has: its thread reads while the caller goes on. */
  read(): Promise<Entry[][]> {
    const prefixes = [PLATFORMS, SCRUBS, BRICKS, NEXT_KEY, NETWORKS];
    const reading = Promise.all(prefixes.map((prefix) => this.store.range(prefix)));
    reading.catch(() => {}); // told by load()
    return reading;
  }

  /** Takes what was read; once. @throws SDM_RECORD for what is no record. */
  async load(reading: Promise<Entry[][]>): Promise<void> {
    const [platforms, scrubs, bricks, next, networks] = await reading;
    for (const { key, value } of platforms!) {
      const record = parsed<PlatformRecord>(key, value);
      this.platforms.set(record.id, record);
      this.shown.set(record.id, snapshotOf(record));
      this.#next = Math.max(this.#next, record.id + 1);
    }
    for (const { key, value } of scrubs!) this.scrubs.set(key, parsed<ScrubRecord>(key, value));
    for (const { key, value } of bricks!) {
      this.bricks.set(key.slice(BRICKS.length), parsed<BrickRecord>(key, value));
    }
    for (const { key, value } of next!) {
      this.#next = Math.max(this.#next, parsed<number>(key, value));
    }
    this.networks.load(networks!);
  }

  /** Numbers of memory bricks, for good; they may be used when it resolves. @throws as `commit`. */
  async keepNetworks(numbers: readonly NetworkNumber[]): Promise<void> {
    for (let at = 0; at < numbers.length; at += NETWORKS_AT_ONCE) {
      const some = numbers.slice(at, at + NETWORKS_AT_ONCE);
      await this.commit('network', { put: some.map(networkPut) });
      this.networks.take(some);
    }
  }

  /** An id that no platform ever had; durable with the platform's first commit. */
  nextId(): number {
    return this.#next++;
  }

  /** @throws SDM_NOT_FOUND. */
  platform(id: number): PlatformRecord {
    return there(this.platforms.get(id), id);
  }

  /** As it is durable. @throws SDM_NOT_FOUND. */
  durable(id: number): PlatformRecord {
    return there(this.shown.get(id), id);
  }

  /**
   * Durable when it resolves.
   * @throws SDM_STORE: the process must end. SDM_TIMEOUT: nothing was done.
   */
  async commit(name: CommitName, change: Change): Promise<void> {
    const { save = [], forget = [], scrubs = [], scrubbed = [], bricks = [] } = change;
    // As they are now: they may be changed again before this is durable.
    const saved = save.map(snapshotOf);
    const put: Put[] = [
      ...saved.map((record) => ({ key: platformKey(record.id), value: JSON.stringify(record) })),
      ...saved
        .filter(({ id }) => !this.shown.has(id))
        .map(() => ({ key: NEXT_KEY, value: String(this.#next) })),
      ...scrubs.map((each) => ({ key: keyOf(each), value: JSON.stringify(each) })),
      ...bricks.map(([id, record]) => ({ key: brickKey(id), value: JSON.stringify(record) })),
      ...(change.put ?? []),
    ];
    const gone = [...forget.map(platformKey), ...scrubbed.map(keyOf), ...(change.delete ?? [])];
    await this.#faults.at(`${name}.before`);
    await this.#commit({ put, delete: gone });
    for (const record of saved) this.shown.set(record.id, record);
    for (const id of forget) {
      this.shown.delete(id);
      this.platforms.delete(id);
    }
    for (const each of scrubs) this.scrubs.set(keyOf(each), each);
    for (const each of scrubbed) this.scrubs.delete(keyOf(each));
    for (const [id, record] of bricks) this.bricks.set(id, record);
    await this.#faults.at(`${name}.after`);
  }

  async #commit(transaction: Transaction): Promise<void> {
    const done = await this.store.commit({
      compare: [{ key: EPOCH_KEY, revision: this.#epochRevision }],
      ...transaction,
    });
    if (done.ok) return;
    const error = new SdmError(
      'SDM_STALE_EPOCH',
      `${done.conflict} has changed: another controller has taken over, and this one ends`,
    );
    this.#replace(error);
    throw error;
  }

  /** Puts that tie a platform to its lease, once the lease is there. */
  async grantLease(id: number, ttlMs: number): Promise<Put> {
    try {
      await this.store.grantLease(leaseId(id), ttlMs);
    } catch (error) {
      if (!(error instanceof SdmError) || error.code !== 'SDM_CONFLICT') throw error;
      // of a create that a crash cut short before it had a record: the id is given again
      await this.store.revokeLease(leaseId(id));
      await this.store.grantLease(leaseId(id), ttlMs);
    }
    return { key: leaseKey(id), value: String(id), lease: leaseId(id) };
  }

  /** All of its time again; one that has ended meanwhile is whoever watches leases' affair. */
  async renewLease(id: number): Promise<void> {
    await this.store.keepLeaseAlive(leaseId(id)).catch(() => {});
  }
}

function keyOf({ memory, attachment }: ScrubRecord): string {
  return scrubKey(memory, attachment);
}

function parsed<T>(key: string, value: string): T {
  try {
    return JSON.parse(value) as T;
  } catch (cause) {
    throw new SdmError('SDM_RECORD', `${key} in the store is not JSON: ${value.slice(0, 80)}`, {
      details: { key },
      cause,
    });
  }
}

function there(record: PlatformRecord | undefined, id: number): PlatformRecord {
  if (record !== undefined) return record;
  throw new SdmError(
    'SDM_NOT_FOUND',
    `there is no platform ${id}; \`sdm platform list\` lists them`,
    {
      details: { platform: id },
    },
  );
}
