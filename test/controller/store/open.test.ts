import { mkdirSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { expect, test } from 'vitest';
import { openStore } from '../../../src/controller/store/index.js';
import { migrate, MIGRATIONS } from '../../../src/controller/store/schema.js';
import { scratchDir } from '../../support/scratch.js';
import { SILENT } from './stores.js';
import { startWriter } from './writer.js';

const dir = scratchDir('store-open');
let count = 0;
const newPath = (): string => join(dir, `${(count += 1)}`, 'store.db');

/** A store with some keys, closed. */
async function madeStore(keys = 50): Promise<string> {
  const path = newPath();
  const store = await openStore({ path, log: SILENT });
  for (let i = 0; i < keys; i++) await store.commit({ put: [{ key: `k/${i}`, value: '"v"' }] });
  await store.close();
  return path;
}

test('the database, its WAL and its lock are for their owner alone, and so is their directory', async () => {
  const path = newPath();
  const before = process.umask(0);
  const store = await openStore({ path, log: SILENT });
  try {
    await store.commit({ put: [{ key: 'a', value: '1' }] });
    for (const file of [path, `${path}-wal`, `${path}.lock`]) {
      expect((statSync(file).mode & 0o777).toString(8), file).toBe('600');
    }
    expect((statSync(join(path, '..')).mode & 0o777).toString(8)).toBe('700');
  } finally {
    process.umask(before);
    await store.close();
  }
});

test('one controller per database: a second one is refused with the number of the first', async () => {
  const path = newPath();
  const first = startWriter(path, 0, 1);
  await first.until('acked', 1);
  const opening = openStore({ path, log: SILENT });
  await expect(opening).rejects.toMatchObject({ code: 'SDM_LOCKED' });
  await expect(openStore({ path, log: SILENT })).rejects.toThrow(String(first.process.pid));
  const second = startWriter(path, 0, 1);
  await second.ended();
  expect(second.said('refused')[0]).toContain('SDM_LOCKED');
  // The first did not notice.
  await first.until('acked', first.said('acked').length + 5);
  first.process.kill('SIGKILL');
  await first.ended();
  await (await openStore({ path, log: SILENT })).close();
});

test('a store of this process is refused a second time too', async () => {
  const path = newPath();
  const store = await openStore({ path, log: SILENT });
  await expect(openStore({ path, log: SILENT })).rejects.toMatchObject({ code: 'SDM_LOCKED' });
  await store.close();
});

test('a database of a newer controller is refused, with both numbers, and left as it is', async () => {
  const path = await madeStore();
  const db = new DatabaseSync(path);
  db.exec('PRAGMA user_version = 9; CREATE TABLE of_the_future (a)');
  db.close();
  const before = readFileSync(path);
  await expect(openStore({ path, log: SILENT })).rejects.toMatchObject({
    code: 'SDM_STORE_NEWER',
    details: { path, found: 9, newest: MIGRATIONS.at(-1)!.version },
  });
  expect(readFileSync(path).equals(before)).toBe(true);
});

test('a database of something else is refused and left as it is', async () => {
  const path = newPath();
  mkdirSync(join(path, '..'));
  const db = new DatabaseSync(path);
  db.exec('CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)');
  db.close();
  const before = readFileSync(path);
  await expect(openStore({ path, log: SILENT })).rejects.toMatchObject({
    code: 'SDM_STORE_CORRUPT',
  });
  expect(readFileSync(path).equals(before)).toBe(true);
});

test('a file that is no database is refused and left as it is', async () => {
  const path = newPath();
  mkdirSync(join(path, '..'));
  writeFileSync(path, 'keep this\n'.repeat(1_000));
  await expect(openStore({ path, log: SILENT })).rejects.toMatchObject({ code: 'SDM_STORE' });
  expect(readFileSync(path, 'utf8')).toBe('keep this\n'.repeat(1_000));
});

test('after an end without a close all of it is looked through, and damage is found', async () => {
  const path = newPath();
  const writer = startWriter(path, 0, 16, 2_000);
  await writer.until('acked', 600); // beyond a checkpoint: the database itself has pages
  writer.process.kill('SIGKILL');
  await writer.ended();
  const warned: object[] = [];
  const log = { ...SILENT, warn: (fields: object) => void warned.push(fields) };
  const healthy = await openStore({ path, log });
  expect(warned).toMatchObject([{ path }]);
  await healthy.close();
  // Closed: the next opening has nothing to look through.
  await (await openStore({ path, log })).close();
  expect(warned).toHaveLength(1);

  // A crash, and then a disk that has lost pages in the middle of the database.
  const again = startWriter(path, 10_000, 1);
  await again.until('acked', 1);
  again.process.kill('SIGKILL');
  await again.ended();
  const size = statSync(path).size;
  const file = openSync(path, 'r+');
  for (let at = 8 * 4096; at < size; at += 4096)
    writeSync(file, Buffer.alloc(512, 0xee), 0, 512, at);
  await expect(openStore({ path, log })).rejects.toMatchObject({ code: 'SDM_STORE_CORRUPT' });
  await expect(openStore({ path, log })).rejects.toThrow('Restore a backup');
});

test('a directory that cannot be made is said by its name', async () => {
  const path = newPath();
  mkdirSync(join(path, '..'));
  writeFileSync(path, '');
  await expect(openStore({ path: join(path, 'below', 'store.db'), log: SILENT })).rejects.toThrow(
    path,
  );
});

test('migrations run once each, in order; one that fails leaves the version before it', () => {
  mkdirSync(join(dir, 'migrations'));
  const path = join(dir, 'migrations', 'store.db');
  const db = new DatabaseSync(path);
  const versions = (): unknown => db.prepare('PRAGMA user_version').get();
  const second = { version: 2, sql: 'CREATE TABLE second (a)' };
  const third = { version: 3, sql: 'CREATE TABLE third (a); INSERT INTO nothing VALUES (1)' };
  expect(migrate(db, path)).toBe(0);
  expect(migrate(db, path)).toBe(1);
  db.exec("INSERT INTO entries VALUES ('a', '1', 1, NULL)");
  expect(() => migrate(db, path, [...MIGRATIONS, second, third])).toThrow('nothing');
  expect(versions()).toEqual({ user_version: 2 });
  expect(db.prepare("SELECT name FROM sqlite_schema WHERE name = 'third'").all()).toEqual([]);
  expect(migrate(db, path, [...MIGRATIONS, second])).toBe(2);
  expect(db.prepare('SELECT key FROM entries').all()).toEqual([{ key: 'a' }]);
  db.close();
});

test('versions of migrations count up from 1', () => {
  expect(MIGRATIONS.map(({ version }) => version)).toEqual(MIGRATIONS.map((_, i) => i + 1));
});
