import { resolve } from 'node:path';
import { SdmError } from '../../common/errors.js';
import type { FileLock } from '../../native/types.js';
import { checkKey, checkTransaction, checkTtl } from './check.js';
import { deferred, type Deferred } from './deferred.js';
import { claimDatabase, makeFile, refuseBeside } from './files.js';
import { History } from './history.js';
import { LeaseClock } from './leases.js';
import type { Operation, Outcome } from './protocol.js';
import { StoreThread, type Answer } from './thread.js';
import type {
  Change,
  Committed,
  Entry,
  LeaseView,
  Snapshot,
  Store,
  StoreOptions,
  Transaction,
} from './types.js';

const DEADLINE_MS = 10_000;
const HISTORY = 10_000;
/** Of one transaction of the database: a longer one would keep reads waiting. */
const MAX_GROUP = 1_024;
/** A look through all of a database, or a copy, may take as many deadlines. */
const LONG = 30;
const TERMINATE_MS = 1_000;

interface Queued {
  readonly operation: Operation;
  readonly settled: Deferred<Outcome & { kind: 'done' | 'conflict' }>;
}

class SqliteStore implements Store {
  readonly failed: Promise<Error>;
  readonly #path: string;
  readonly #options: StoreOptions;
  readonly #deadlineMs: number;
  readonly #lock: FileLock;
  readonly #thread: StoreThread;
  readonly #history: History;
  readonly #clock = new LeaseClock((id) => this.#expire(id));
  readonly #fired = deferred<Error>();
  readonly #backups = new Set<Promise<void>>();
  #queue: Queued[] = [];
  #running = false;
  #idle = deferred<void>();
  #error: SdmError | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    options: StoreOptions,
    path: string,
    lock: FileLock,
    thread: StoreThread,
    revision: number,
  ) {
    this.#options = options;
    this.#path = path;
    this.#lock = lock;
    this.#thread = thread;
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS;
    this.#history = new History(revision, options.history ?? HISTORY);
    this.failed = this.#fired.promise;
  }

  /** Of a lease that was there at the opening. */
  resume(id: string, ttlMs: number): void {
    this.#clock.start(id, ttlMs);
  }

  async range(prefix: string): Promise<Entry[]> {
    return (await this.snapshot(prefix)).entries;
  }

  async snapshot(prefix: string): Promise<Snapshot> {
    if (prefix !== '') checkKey(prefix, 'a prefix');
    const { rows, revision } = await this.#call({ kind: 'range', prefix }, `reading ${this.#path}`);
    const entries = rows.map(([key, value, at, lease]) =>
      lease === null ? { key, value, revision: at } : { key, value, revision: at, lease },
    );
    return { revision, entries };
  }

  async commit(transaction: Transaction): Promise<Committed> {
    checkTransaction(transaction);
    const { compare = [], put = [], delete: gone = [] } = transaction;
    const outcome = await this.#enqueue({ kind: 'commit', compare, put, delete: gone });
    return outcome.kind === 'done'
      ? { ok: true, revision: outcome.revision }
      : { ok: false, conflict: outcome.key };
  }

  watch(prefix: string, after: number): AsyncIterable<Change> {
    return this.#history.watch(prefix, after);
  }

  async grantLease(id: string, ttlMs: number): Promise<void> {
    checkKey(id, 'a lease');
    checkTtl(id, ttlMs);
    this.#clock.renew(id); // so that it does not end while this waits for its turn
    await this.#enqueue({ kind: 'grant', id, ttlMs });
  }

  async keepLeaseAlive(id: string): Promise<void> {
    this.#refuseIfGone();
    if (!this.#clock.renew(id)) throw noLease(id);
  }

  async revokeLease(id: string): Promise<void> {
    checkKey(id, 'a lease');
    await this.#enqueue({ kind: 'revoke', id });
  }

  async leases(): Promise<LeaseView[]> {
    this.#refuseIfGone();
    return this.#clock.list();
  }

  async backup(path: string): Promise<void> {
    this.#refuseIfGone();
    const done = this.#backup(resolve(path));
    this.#backups.add(done);
    try {
      await done;
    } finally {
      this.#backups.delete(done);
    }
  }

  async #backup(path: string): Promise<void> {
    await refuseBeside(this.#path, path);
    await makeFile(path, async (temporary) => {
      const doing = `copying ${this.#path} to ${path}`;
      const deadlineMs = LONG * this.#deadlineMs;
      await this.#thread.call({ kind: 'backup', path: temporary }, doing, deadlineMs);
      // On a thread of its own: commits do not wait while somebody looks through a copy.
      const checker = new StoreThread({ job: 'check', path: temporary });
      await checker.opened();
      await checker.ended();
    });
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#clock.stop();
    await Promise.allSettled(this.#backups);
    // What is queued was asked for before: it is done.
    if (this.#running) await this.#idle.promise;
    this.#history.end();
    if (this.#error === undefined) {
      await this.#thread
        .call({ kind: 'close' }, `closing ${this.#path}`, LONG * this.#deadlineMs)
        .catch((error: unknown) =>
          this.#options.log.warn({ err: error }, 'the store did not close'),
        );
    }
    await this.#thread.terminate(TERMINATE_MS);
    this.#lock.close();
  }

  #refuseIfGone(): void {
    if (this.#error !== undefined) throw this.#error;
    if (this.#closing !== undefined) throw new SdmError('SDM_CLOSED', 'the store was closed');
  }

  async #call(request: { kind: 'range'; prefix: string }, doing: string): Promise<Answer> {
    this.#refuseIfGone();
    try {
      return await this.#thread.call(request, doing, LONG * this.#deadlineMs);
    } catch (error) {
      throw this.#fail(error as SdmError);
    }
  }

  /** @returns when it is durable, or compared unequal. */
  #enqueue(operation: Operation): Promise<Outcome & { kind: 'done' | 'conflict' }> {
    try {
      this.#refuseIfGone();
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const settled = deferred<Outcome & { kind: 'done' | 'conflict' }>();
    this.#queue.push({ operation, settled });
    if (!this.#running) {
      this.#running = true;
      // What else comes in this turn goes with it.
      queueMicrotask(() => void this.#pump());
    }
    return settled.promise;
  }

  /** One group after the other: what comes while one is written makes the next. */
  async #pump(): Promise<void> {
    while (this.#queue.length > 0) {
      const group = this.#queue.splice(0, MAX_GROUP);
      const operations = group.map(({ operation }) => operation);
      try {
        const doing = `writing ${this.#path}`;
        const { outcomes } = await this.#thread.call(
          { kind: 'group', operations },
          doing,
          this.#deadlineMs,
        );
        group.forEach((each, i) => this.#settle(each, outcomes[i]!));
      } catch (error) {
        const failure = this.#fail(error as SdmError);
        for (const { settled } of [...group, ...this.#queue.splice(0)]) settled.reject(failure);
      }
    }
    this.#running = false;
    this.#idle.resolve();
    this.#idle = deferred();
  }

  #settle({ operation, settled }: Queued, outcome: Outcome): void {
    switch (outcome.kind) {
      case 'no-lease':
        return settled.reject(noLease(outcome.id));
      case 'other-ttl':
        return settled.reject(otherTtl(operation, outcome.ttlMs));
      case 'done': {
        const { revision } = outcome;
        const puts = operation.kind === 'commit' ? operation.put : [];
        const gone = outcome.deleted.map((key) => ({ revision, kind: 'delete' as const, key }));
        this.#history.add(revision, [
          ...puts.map((put) => ({ revision, kind: 'put' as const, ...put })),
          ...gone,
        ]);
        if (operation.kind === 'grant') this.#clock.start(operation.id, operation.ttlMs);
        if (operation.kind === 'revoke') this.#clock.remove(operation.id);
      }
    }
    settled.resolve(outcome);
  }

  #expire(id: string): void {
    this.#options.log.info({ lease: id }, 'a lease ended: nobody kept it alive');
    this.#enqueue({ kind: 'revoke', id }).catch(() => {}); // it will end after the next opening
  }

  /** For good: what the database has, nobody knows before it is opened again. */
  #fail(cause: SdmError): SdmError {
    if (this.#error !== undefined) return this.#error;
    const message = `the store cannot go on: ${cause.message}`;
    const details = { path: this.#path, ...cause.details };
    this.#error = new SdmError('SDM_STORE', message, { details, cause });
    this.#options.log.error({ err: this.#error }, message);
    this.#clock.stop();
    this.#history.end(this.#error);
    this.#fired.resolve(this.#error);
    return this.#error;
  }

  /** The thread ended, though nobody asked it to. */
  lost(error: SdmError): void {
    if (this.#closing === undefined) this.#fail(error);
  }
}

function noLease(id: string): SdmError {
  return new SdmError('SDM_NOT_FOUND', `there is no lease "${id}"; it ended, or was never granted`);
}

function otherTtl(operation: Operation, ttlMs: number): SdmError {
  const { id, ttlMs: asked } = operation as Operation & { kind: 'grant' };
  const message = `lease "${id}" was granted with ${ttlMs} ms, not with ${asked}; revoke it first`;
  return new SdmError('SDM_CONFLICT', message, { details: { id, asked, found: ttlMs } });
}

/**
 * Opens the store in a file, or makes it.
 * @throws SDM_LOCKED (another controller has it), SDM_STORE_CORRUPT, SDM_STORE_NEWER, SDM_STORE,
 *   SDM_SYSTEM (the directory cannot be used).
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const path = resolve(options.path);
  const lock = await claimDatabase(path);
  let store: SqliteStore | undefined;
  const thread = new StoreThread({ job: 'serve', path }, (error) => store?.lost(error));
  try {
    const { revision, leases, schema, checkedMs } = await thread.opened();
    if (checkedMs !== undefined) {
      options.log.warn({ path, checkedMs }, 'the store was not closed: looked through all of it');
    }
    options.log.info({ path, revision, schema, leases: leases.length }, 'store open');
    store = new SqliteStore(options, path, lock, thread, revision);
    for (const { id, ttlMs } of leases) store.resume(id, ttlMs);
    return store;
  } catch (error) {
    await thread.terminate(TERMINATE_MS);
    lock.close();
    throw error;
  }
}
