import {
  copyFileSync,
  existsSync,
  mkdirSync,
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

  for (let round = 0; round < 3; round++) {
    const target = join(dir, `${count}`, `backup-${round}.db`);
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

test('it is one file, for its owner alone', async () => {
  const target = join(dir, `${count}`, 'backup.db');
  await store.commit({ put: [{ key: 'a', value: '1' }] });
  await store.grantLease('l', 60_000);
  await store.backup(target);
  expect((statSync(target).mode & 0o777).toString(8)).toBe('600');
  expect(statSync(target).nlink).toBe(1);
  expect(readdirSync(join(dir, `${count}`)).sort()).toEqual(
    ['backup.db', 'store.db', 'store.db-wal', 'store.db.lock'].sort(),
  );
  const copy = await openStore({ path: target, log: SILENT });
  expect(await copy.range('')).toEqual([{ key: 'a', value: '1', revision: 1 }]);
  expect(await copy.leases()).toMatchObject([{ id: 'l' }]);
  await copy.close();
});

test('what is at its place stays: a file, a link, a link to nothing, a directory', async () => {
  const at = (name: string): string => join(dir, `${count}`, name);
  writeFileSync(at('file'), 'precious');
  symlinkSync(at('file'), at('link'));
  symlinkSync(at('nothing'), at('dangling'));
  mkdirSync(at('directory'));
  for (const name of ['file', 'link', 'dangling', 'directory']) {
    await expect(store.backup(at(name)), name).rejects.toMatchObject({ code: 'SDM_CONFLICT' });
  }
  expect(readFileSync(at('file'), 'utf8')).toBe('precious');
  expect(existsSync(at('nothing'))).toBe(false);
  expect(readdirSync(at('')).filter((name) => name.startsWith('.'))).toEqual([]);
});

test('of two to one place one is made', async () => {
  const target = join(dir, `${count}`, 'backup.db');
  const done = await Promise.allSettled([store.backup(target), store.backup(target)]);
  expect(done.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  await (await openStore({ path: target, log: SILENT })).close();
});

test('it never takes a name of the store itself, by whatever way', async () => {
  await store.commit({ put: [{ key: 'a', value: '1' }] });
  symlinkSync(join(dir, `${count}`), join(dir, `${count}-alias`));
  for (const name of ['store.db', 'store.db-wal', 'store.db-journal', 'store.db-shm']) {
    for (const directory of [`${count}`, `${count}-alias`]) {
      await expect(store.backup(join(dir, directory, name)), name).rejects.toMatchObject({
        code: 'SDM_INPUT',
      });
    }
  }
  await store.close();
  store = await openStore({ path, log: SILENT });
  expect(await store.range('')).toMatchObject([{ key: 'a', value: '1' }]);
});

test('one to where none can be made says why, and leaves the store as it is', async () => {
  const target = join(dir, 'nowhere', 'backup.db');
  await expect(store.backup(target)).rejects.toMatchObject({
    code: 'SDM_INPUT',
    message: expect.stringContaining(`there is no directory ${join(dir, 'nowhere')}`),
  });
  expect(existsSync(join(dir, 'nowhere'))).toBe(false);
  await expect(store.backup(join(path, 'backup.db'))).rejects.toMatchObject({
    code: 'SDM_INPUT',
    message: expect.stringContaining(`${path} is no directory`),
  });
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
