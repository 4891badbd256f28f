import {
  backup,
  DatabaseSync,
  type DatabaseSyncInstance,
  type StatementSyncInstance,
} from '@photostructure/sqlite';
import { SdmError } from '../../common/errors.js';
import type { Opened, Operation, Outcome, Row } from './protocol.js';
import { migrate, schemaOf } from './schema.js';

/** Rows in one message: the other side can do something else in between. */
const ROWS = 1_000;
/** Pages that a backup copies at a time, between which commits go on. */
const BACKUP_PAGES = 256;
/** Above all keys (check.ts refuses it in one): the end of a range of all that begin alike. */
const LAST = '\u{10ffff}';

/** How a database is used: nothing answered is ever lost, and nobody else has it open. */
const PRAGMAS = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA journal_size_limit = 16777216;
  PRAGMA cache_size = -32768;
  PRAGMA temp_store = MEMORY;
`;

/** @throws SDM_STORE_CORRUPT with the first thing that SQLite finds. */
function check(db: DatabaseSyncInstance, path: string): void {
  const found = db.prepare('PRAGMA integrity_check(1)').get() as { integrity_check: string };
  if (found.integrity_check === 'ok') return;
  throw new SdmError(
    'SDM_STORE_CORRUPT',
    `${path} is damaged: ${found.integrity_check}. Restore a backup`,
    { details: { path, found: found.integrity_check } },
  );
}

/** In the database, not told from a WAL that is left: an opening that is refused takes that away. */
function wasClosed(db: DatabaseSyncInstance): boolean {
  const ours = db.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name = 'state'").get();
  if (ours.n === 0) return true; // new
  return (db.prepare('SELECT closed FROM state').get() as { closed: number }).closed === 1;
}

/** Makes a backup one file (no WAL beside it), and looks through it. @throws SDM_STORE_CORRUPT. */
export function checkBackup(path: string): void {
  const db = new DatabaseSync(path);
  try {
    db.exec('PRAGMA journal_mode = DELETE');
    check(db, path);
    db.exec('UPDATE state SET closed = 1');
  } finally {
    db.close();
  }
}

/** The database, on its own thread. All calls block. */
export class Database {
  readonly #db: DatabaseSyncInstance;
  readonly #sql: Record<
    | 'revisionOf'
    | 'put'
    | 'delete'
    | 'lease'
    | 'grant'
    | 'revoke'
    | 'leased'
    | 'dropLeased'
    | 'setRevision'
    | 'range',
    StatementSyncInstance
  >;
  readonly opened: Opened;
  #revision: number;

  /** @throws SDM_STORE_CORRUPT, SDM_STORE_NEWER, or what SQLite says. */
  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    const db = this.#db;
    try {
      db.exec('PRAGMA locking_mode = EXCLUSIVE');
      schemaOf(db, path); // before anything is written to what may not be ours
      db.exec(PRAGMAS);
      const begun = performance.now();
      const unclean = !wasClosed(db);
      if (unclean) check(db, path);
      const checkedMs = unclean ? { checkedMs: Math.round(performance.now() - begun) } : {};
      const schema = migrate(db, path);
      db.exec('UPDATE state SET closed = 0');
      const { revision } = db.prepare('SELECT revision FROM state').get() as { revision: number };
      this.#revision = revision;
      const leases = db.prepare('SELECT id, ttl_ms AS ttlMs FROM leases ORDER BY id').all();
      this.opened = { revision, schema, leases, ...checkedMs };
      this.#sql = {
        revisionOf: db.prepare('SELECT revision FROM entries WHERE key = ?'),
        put: db.prepare(
          `INSERT INTO entries (key, value, revision, lease) VALUES (?, ?, ?, ?) ON CONFLICT (key)
           DO UPDATE SET value = excluded.value, revision = excluded.revision, lease = excluded.lease`,
        ),
        delete: db.prepare('DELETE FROM entries WHERE key = ?'),
        lease: db.prepare('SELECT ttl_ms AS ttlMs FROM leases WHERE id = ?'),
        grant: db.prepare('INSERT INTO leases (id, ttl_ms) VALUES (?, ?)'),
        revoke: db.prepare('DELETE FROM leases WHERE id = ?'),
        leased: db.prepare('SELECT key FROM entries WHERE lease = ? ORDER BY key'),
        dropLeased: db.prepare('DELETE FROM entries WHERE lease = ?'),
        setRevision: db.prepare('UPDATE state SET revision = ?'),
        range: db.prepare(
          `SELECT key, value, revision, lease FROM entries
           WHERE key >= ? AND key < ? ORDER BY key`,
          { returnArrays: true },
        ),
      };
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /**
   * Operations in their order, in one transaction: each sees those before it, and compares on its own.
   * @returns when all of it is durable. @throws what SQLite says; then nothing of it was done, or, if
   *   it was the commit itself that failed, possibly all of it.
   */
  group(operations: readonly Operation[]): Outcome[] {
    this.#db.exec('BEGIN IMMEDIATE');
    const before = this.#revision;
    try {
      const outcomes = operations.map((each) => this.#one(each));
      if (this.#revision !== before) this.#sql.setRevision.run(this.#revision);
      this.#db.exec('COMMIT');
      return outcomes;
    } catch (error) {
      this.#revision = before;
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  #one(operation: Operation): Outcome {
    switch (operation.kind) {
      case 'commit':
        return this.#commit(operation);
      case 'grant':
        return this.#grant(operation.id, operation.ttlMs);
      case 'revoke': {
        const deleted = this.#sql.leased.all(operation.id).map(({ key }: { key: string }) => key);
        if (deleted.length > 0) this.#sql.dropLeased.run(operation.id);
        this.#sql.revoke.run(operation.id);
        return this.#done(deleted.length > 0, deleted);
      }
    }
  }

  #commit({ compare, put, delete: gone }: Operation & { kind: 'commit' }): Outcome {
    for (const { key, revision } of compare) {
      const found = this.#sql.revisionOf.get(key) as { revision: number } | undefined;
      if ((found?.revision ?? 0) !== revision) return { kind: 'conflict', key };
    }
    for (const { lease } of put) {
      if (lease !== undefined && this.#sql.lease.get(lease) === undefined) {
        return { kind: 'no-lease', id: lease };
      }
    }
    const next = this.#revision + 1;
    for (const { key, value, lease } of put) this.#sql.put.run(key, value, next, lease ?? null);
    const deleted = gone.filter((key) => Number(this.#sql.delete.run(key).changes) > 0);
    return this.#done(put.length > 0 || deleted.length > 0, deleted);
  }

  #grant(id: string, ttlMs: number): Outcome {
    const found = this.#sql.lease.get(id) as { ttlMs: number } | undefined;
    if (found !== undefined && found.ttlMs !== ttlMs) {
      return { kind: 'other-ttl', ttlMs: found.ttlMs };
    }
    if (found === undefined) this.#sql.grant.run(id, ttlMs);
    return this.#done(false, []);
  }

  #done(changed: boolean, deleted: readonly string[]): Outcome {
    if (changed) this.#revision += 1;
    return { kind: 'done', revision: this.#revision, deleted };
  }

  /** All that begin with `prefix`, in parts. @returns the revision at which they are. */
  range(prefix: string, send: (rows: Row[]) => void): number {
    let rows: Row[] = [];
    for (const row of this.#sql.range.iterate(prefix, prefix + LAST)) {
      rows.push(row);
      if (rows.length < ROWS) continue;
      send(rows);
      rows = [];
    }
    if (rows.length > 0) send(rows);
    return this.#revision;
  }

  /** A copy as of the moment at which it ends; what is committed meanwhile is in it. */
  async backup(path: string): Promise<void> {
    await backup(this.#db, path, { rate: BACKUP_PAGES });
  }

  /** Brings the WAL into the database, and takes it away. */
  close(): void {
    this.#db.exec('UPDATE state SET closed = 1');
    this.#db.close();
  }
}
