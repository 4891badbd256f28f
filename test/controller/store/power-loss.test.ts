import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openStore, type Store } from '../../../src/controller/store/index.js';
import { scratchDir } from '../../support/scratch.js';
import { SILENT } from './stores.js';

/*
 * What a disk may hold after its power went: all that an fsync had returned for, and of what was
 * written after it any part, in any order, or something else in its place. The files are copied at an
 * acknowledgement, and later on; images in between are made of both, and must open.
 */

const dir = scratchDir('store-power');
const PAGE = 4096;

interface Files {
  readonly db: Buffer;
  readonly wal: Buffer;
}

function copyOf(path: string): Files {
  const wal = `${path}-wal`;
  return { db: readFileSync(path), wal: existsSync(wal) ? readFileSync(wal) : Buffer.alloc(0) };
}

const put = (store: Store, from: number, count: number, size = 300): Promise<unknown> =>
  Promise.all(
    Array.from({ length: count }, (_, i) => {
      const id = String(from + i).padStart(6, '0');
      const value = JSON.stringify({ id, filler: 'x'.repeat(size) });
      return store.commit({ put: ['a', 'b'].map((half) => ({ key: `${half}/${id}`, value })) });
    }),
  );

/** Opens an image. @returns how many transactions are in it: the first ones, whole. */
async function transactionsIn({ db, wal }: Files): Promise<number> {
  const path = join(dir, 'image.db');
  rmSync(`${path}-wal`, { force: true });
  writeFileSync(path, db);
  if (wal.length > 0) writeFileSync(`${path}-wal`, wal);
  const store = await openStore({ path, log: SILENT });
  try {
    const [a, b] = await Promise.all([store.range('a/'), store.range('b/')]);
    const ids = a.map(({ key }) => key.slice(2));
    expect(b.map(({ key }) => key.slice(2))).toEqual(ids);
    expect(ids).toEqual(ids.map((_, i) => String(i).padStart(6, '0')));
    // It can go on from there.
    expect(await store.commit({ put: [{ key: 'z', value: '1' }] })).toMatchObject({ ok: true });
    return ids.length;
  } finally {
    await store.close();
  }
}

/** What became of the bytes after those that are safe. */
const damage = fc.oneof(
  fc.record({ how: fc.constant('cut' as const), at: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({
    how: fc.constantFrom('zeros' as const, 'noise' as const),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.integer({ min: 1, max: 3 * PAGE }),
  }),
);

test('a WAL that is torn anywhere after the last acknowledgement has all before it', async () => {
  const path = join(dir, 'torn.db');
  const store = await openStore({ path, log: SILENT });
  await put(store, 0, 40);
  const safe = copyOf(path);
  for (let i = 0; i < 10; i++) await put(store, 40 + 4 * i, 4);
  const later = copyOf(path);
  await store.close();
  expect(later.db.equals(safe.db)).toBe(true); // no checkpoint came in between
  expect(later.wal.subarray(0, safe.wal.length).equals(safe.wal)).toBe(true);
  expect(later.wal.length).toBeGreaterThan(safe.wal.length + 4 * PAGE);
  expect(await transactionsIn(safe)).toBe(40);
  expect(await transactionsIn(later)).toBe(80);

  const room = later.wal.length - safe.wal.length;
  await fc.assert(
    fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 3 }), async (damages) => {
      let wal = Buffer.from(later.wal);
      for (const each of damages) {
        const at = safe.wal.length + Math.floor(each.at * room);
        if (each.how === 'cut') wal = wal.subarray(0, at);
        else {
          const end = Math.min(wal.length, at + each.length);
          for (let i = at; i < end; i++) wal[i] = each.how === 'zeros' ? 0 : (i * 131) & 0xff;
        }
      }
      const found = await transactionsIn({ db: later.db, wal });
      expect(found).toBeGreaterThanOrEqual(40);
      expect(found).toBeLessThanOrEqual(80);
    }),
    { numRuns: 60 },
  );
}, 120_000);

test('pages may be late, in any order', async () => {
  const path = join(dir, 'order.db');
  const store = await openStore({ path, log: SILENT });
  await put(store, 0, 20);
  const safe = copyOf(path);
  await put(store, 20, 60);
  const later = copyOf(path);
  await store.close();
  const first = Math.floor(safe.wal.length / PAGE);
  const pages = Math.ceil(later.wal.length / PAGE) - first;
  await fc.assert(
    fc.asyncProperty(
      fc.subarray(Array.from({ length: pages }, (_, i) => first + i)),
      async (lost) => {
        const wal = Buffer.from(later.wal);
        for (const page of lost) {
          // The bytes that were safe stay, whatever else is in their page.
          wal.fill(
            0,
            Math.max(safe.wal.length, page * PAGE),
            Math.min(wal.length, (page + 1) * PAGE),
          );
        }
        expect(await transactionsIn({ db: later.db, wal })).toBeGreaterThanOrEqual(20);
      },
    ),
    { numRuns: 40 },
  );
}, 120_000);

test('a checkpoint that is torn anywhere loses nothing', async () => {
  const path = join(dir, 'checkpoint.db');
  const store = await openStore({ path, log: SILENT });
  await put(store, 0, 150);
  const before = copyOf(path);
  await store.close(); // writes all pages to the database, then takes the WAL away
  const after = copyOf(path);
  expect(after.wal.length).toBe(0);
  const pages = Math.ceil(after.db.length / PAGE);
  const state = fc.constantFrom('old', 'new', 'half', 'noise');
  await fc.assert(
    fc.asyncProperty(
      fc.array(state, { minLength: pages, maxLength: pages }),
      fc.integer({ min: 0, max: after.db.length }),
      async (states, length) => {
        const db = Buffer.alloc(Math.max(before.db.length, length));
        before.db.copy(db);
        states.forEach((each, page) => {
          const at = page * PAGE;
          const end = Math.min(db.length, at + (each === 'half' ? PAGE / 2 : PAGE));
          if (each === 'noise') db.fill(0x5a, at, end);
          else if (each !== 'old' && at < db.length) after.db.copy(db, at, at, end);
        });
        expect(await transactionsIn({ db, wal: before.wal })).toBe(150);
      },
    ),
    { numRuns: 40 },
  );
}, 120_000);

test('a WAL that begins anew over an old one, torn, has all before it', async () => {
  const path = join(dir, 'anew.db');
  const store = await openStore({ path, log: SILENT });
  let count = 0;
  let last: Files & { readonly salt: Buffer; readonly count: number };
  const look = (): typeof last => {
    const files = copyOf(path);
    return { ...files, salt: Buffer.from(files.wal.subarray(16, 24)), count };
  };
  // A thousand pages, and SQLite checkpoints; the commit after it begins at the start of the file.
  await put(store, 0, 4);
  count = 4;
  last = look();
  for (let now = last; now.salt.equals(last.salt); now = look()) {
    last = now;
    await put(store, count, 4, 2_000);
    count += 4;
    if (!look().salt.equals(last.salt)) break;
  }
  const later = look();
  await store.close();
  expect(later.salt.equals(last.salt)).toBe(false);
  // `last`: acknowledged, and its database was synchronised before the first byte of the new WAL.
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 40 * PAGE }), fc.boolean(), async (at, noise) => {
      const wal = Buffer.from(last.wal);
      later.wal.copy(wal, 0, 0, Math.min(at, wal.length));
      if (noise) wal.fill(0xa5, Math.min(at, wal.length), Math.min(at + 512, wal.length));
      const found = await transactionsIn({ db: later.db, wal });
      expect(found).toBeGreaterThanOrEqual(last.count);
    }),
    { numRuns: 40 },
  );
  expect(statSync(path).size).toBeGreaterThan(0);
}, 120_000);

test('a WAL of which nothing is left but a part of its header is no WAL', async () => {
  const path = join(dir, 'header.db');
  const store = await openStore({ path, log: SILENT });
  await put(store, 0, 3);
  await store.close();
  const { db } = copyOf(path);
  for (const length of [1, 16, 31, 32, 100]) {
    expect(await transactionsIn({ db, wal: Buffer.alloc(length, 7) })).toBe(3);
  }
});
