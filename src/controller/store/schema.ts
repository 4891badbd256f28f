import type { DatabaseSyncInstance } from '@photostructure/sqlite';
import { SdmError } from '../../common/errors.js';

/** "SDMC" in the header of the file: what is no store of a controller is left alone. */
const APPLICATION_ID = 0x53444d43;

/** One step of the schema. It runs in a transaction with the number that says that it is done. */
export interface Migration {
  /** What `user_version` is after it; they count up from 1 without a gap. */
  readonly version: number;
  readonly sql: string;
}

/**
 * Never changed, only added to: databases out there have been through them. A table with a rowid
 * keeps records of a few KiB in their page; without one, a KiB is the limit.
 */
export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    sql: `
      CREATE TABLE entries (
        key TEXT PRIMARY KEY NOT NULL,
        value TEXT NOT NULL,
        revision INTEGER NOT NULL,
        lease TEXT
      ) STRICT;
      CREATE INDEX entries_lease ON entries (lease) WHERE lease IS NOT NULL;
      CREATE TABLE leases (id TEXT PRIMARY KEY NOT NULL, ttl_ms INTEGER NOT NULL) STRICT;
      CREATE TABLE state (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        revision INTEGER NOT NULL,
        closed INTEGER NOT NULL
      ) STRICT;
      INSERT INTO state VALUES (1, 0, 1);
    `,
  },
];

function pragma(db: DatabaseSyncInstance, name: string): number {
  return Number((db.prepare(`PRAGMA ${name}`).get() as Record<string, unknown>)[name]);
}

/**
 * @returns the version of the schema; 0: an empty file.
 * @throws SDM_STORE_NEWER for one of a newer program, SDM_STORE_CORRUPT for a database of something
 *   else; either is left as it is.
 */
export function schemaOf(
  db: DatabaseSyncInstance,
  path: string,
  migrations: readonly Migration[] = MIGRATIONS,
): number {
  const found = pragma(db, 'user_version');
  const newest = migrations.at(-1)?.version ?? 0;
  const tables = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get() as { n: number };
  const ours = pragma(db, 'application_id') === APPLICATION_ID;
  if (!ours && (tables.n > 0 || found > 0)) {
    throw new SdmError(
      'SDM_STORE_CORRUPT',
      `${path} is a database, but not one of sdm-controller; name another file`,
      { details: { path } },
    );
  }
  if (found > newest) {
    throw new SdmError(
      'SDM_STORE_NEWER',
      `${path} has schema ${found} and this sdm-controller knows ${newest} at most: ` +
        'a newer one wrote it. Run that one, or restore a backup from before it',
      { details: { path, found, newest } },
    );
  }
  return found;
}

/** Brings the schema to the newest one, step by step. @returns and throws as `schemaOf`. */
export function migrate(
  db: DatabaseSyncInstance,
  path: string,
  migrations: readonly Migration[] = MIGRATIONS,
): number {
  const found = schemaOf(db, path, migrations);
  for (const { version, sql } of migrations.filter((each) => each.version > found)) {
    db.exec('BEGIN IMMEDIATE');
    try {
      db.exec(sql);
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
      db.exec(`PRAGMA user_version = ${version}`);
      db.exec('COMMIT');
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
  return found;
}
