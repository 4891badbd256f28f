import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStore, type Store } from '../../../src/controller/store/index.js';
import { scratchDir } from '../../support/scratch.js';
import { SILENT } from './stores.js';

const dir = scratchDir('store-backup');
let count = 0;
let path: string;
let store: Store;
beforeEach(async () => {
  path = join(dir, `${(count += 1)}`, 'store.db');
  store = await openStore({ path, log: SILENT });
});
afterEach(() => store.close());

const filler = 'x'.repeat(500);

test('a backup under load restores: all from before it, and of what came meanwhile a beginning', async () => {
  let next = 0;
  let stop = false;
  let acked = -1;
  const one = async (): Promise<void> => {
    const id = next++;
    const value = JSON.stringify({ id, filler });
    await store.commit({ put: ['a', 'b'].map((half) => ({ key: `${half}/${id}`, value })) });
    acked = Math.max(acked, id);
  };
  await Promise.all(Array.from({ length: 5_000 }, one));
  const load = (async () => {
    while (!stop) await Promise.all(Array.from({ length: 8 }, one));
  })();

  const target = join(dir, `${count}`, 'backup.db');
  for (let round = 0; round < 3; round++) {
    const before = acked;
    await store.backup(target);
    const restored = join(dir, `${count}-restored-${round}`, 'store.db');
    // As a person would restore it: a copy at the place of the database.
    await (await openStore({ path: restored, log: SILENT })).close();
    copyFileSync(target, restored);
    const copy = await openStore({ path: restored, log: SILENT });
    const [a, b] = await Promise.all([copy.snapshot('a/'), copy.snapshot('b/')]);
    const ids = a.entries.map(({ key }) => Number(key.slice(2))).sort((x, y) => x - y);
    expect(b.entries).toHaveLength(ids.length);
    expect(ids).toEqual(ids.map((_, i) => i));
    expect(ids.length).toBeGreaterThan(before);
    expect(a.revision).toBeGreaterThanOrEqual(ids.length);
    expect(await copy.commit({ put: [{ key: 'z', value: '1' }] })).toMatchObject({ ok: true });
    await copy.close();
  }
  stop = true;
  await load;
  expect((await store.range('a/')).length).toBe(next);
});

test('it is one file, for its owner alone, and takes the place of the one before', async () => {
  const target = join(dir, `${count}`, 'backup.db');
  writeFileSync(target, 'old', { mode: 0o644 });
  await store.commit({ put: [{ key: 'a', value: '1' }] });
  await store.grantLease('l', 60_000);
  await store.backup(target);
  expect((statSync(target).mode & 0o777).toString(8)).toBe('600');
  expect(readdirSync(join(dir, `${count}`)).sort()).toEqual(
    ['backup.db', 'store.db', 'store.db-wal', 'store.db.lock'].sort(),
  );
  const copy = await openStore({ path: target, log: SILENT });
  expect(await copy.range('')).toEqual([{ key: 'a', value: '1', revision: 1 }]);
  expect(await copy.leases()).toMatchObject([{ id: 'l' }]);
  await copy.close();
});

test('a link at its place is replaced, not followed', async () => {
  const victim = join(dir, `${count}`, 'victim');
  const target = join(dir, `${count}`, 'backup.db');
  writeFileSync(victim, 'precious');
  symlinkSync(victim, target);
  await store.backup(target);
  expect(readFileSync(victim, 'utf8')).toBe('precious');
});

test('one to a directory that there is not leaves the store as it is', async () => {
  const target = join(dir, 'nowhere', 'backup.db');
  await expect(store.backup(target)).rejects.toThrow('nowhere');
  expect(existsSync(join(dir, 'nowhere'))).toBe(false);
  expect(await store.commit({ put: [{ key: 'a', value: '1' }] })).toMatchObject({ ok: true });
});

test('several at once, and a close while they run', async () => {
  await Promise.all(
    Array.from({ length: 2_000 }, (_, i) =>
      store.commit({ put: [{ key: `k/${i}`, value: JSON.stringify(filler) }] }),
    ),
  );
  const targets = ['x', 'y', 'z'].map((name) => join(dir, `${count}`, name));
  const backups = targets.map((target) => store.backup(target));
  await store.close();
  await Promise.all(backups);
  for (const target of targets) {
    const copy = await openStore({ path: target, log: SILENT });
    expect(await copy.range('k/')).toHaveLength(2_000);
    await copy.close();
  }
});
