import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '../../../src/common/wait.js';
import type { Store } from '../../../src/controller/store/index.js';
import { kinds, take, type Place } from './stores.js';

const TIMEOUT = { timeoutMs: 10_000, intervalMs: 5 };
const LONG_MS = 60_000;

describe.each(kinds)('store $kind', ({ make }) => {
  let place: Place;
  let store: Store;
  beforeEach(async () => {
    place = make();
    store = await place.open();
  });
  afterEach(async () => {
    await store.close();
    place.remove();
  });

  const put = (key: string, value = '{}', lease?: string) =>
    store.commit({ put: [lease === undefined ? { key, value } : { key, value, lease }] });
  const keys = async (prefix = ''): Promise<string[]> =>
    (await store.range(prefix)).map(({ key }) => key);

  describe('what it refuses', () => {
    test.each([
      ['an empty key', { put: [{ key: '', value: '1' }] }],
      ['a key that is too long', { put: [{ key: 'k'.repeat(1025), value: '1' }] }],
      ['a key with a NUL', { put: [{ key: 'a\0b', value: '1' }] }],
      ['a key with half a pair', { delete: ['a\ud800'] }],
      ['a key above all others', { compare: [{ key: 'a\u{10ffff}', revision: 0 }] }],
      ['a value that is too long', { put: [{ key: 'a', value: 'v'.repeat((1 << 20) + 1) }] }],
      ['a value with half a pair', { put: [{ key: 'a', value: '"\udc00"' }] }],
      ['a key that is put twice', { put: ['1', '2'].map((value) => ({ key: 'a', value })) }],
      ['a key that is put and deleted', { put: [{ key: 'a', value: '1' }], delete: ['a'] }],
      ['a revision below 0', { compare: [{ key: 'a', revision: -1 }] }],
      ['a revision that is no integer', { compare: [{ key: 'a', revision: 0.5 }] }],
    ])('%s', async (_what, transaction) => {
      await expect(store.commit(transaction)).rejects.toMatchObject({ code: 'SDM_INPUT' });
      expect(await keys()).toEqual([]);
    });

    test.each([0, -1, 1.5, NaN, 2 ** 31])('a lease of %d ms', async (ttlMs) => {
      await expect(store.grantLease('l', ttlMs)).rejects.toMatchObject({ code: 'SDM_INPUT' });
    });

    test('a put with a lease that there is not, and the rest of its transaction', async () => {
      const transaction = {
        put: [
          { key: 'a', value: '1' },
          { key: 'b', value: '1', lease: 'l' },
        ],
      };
      await expect(store.commit(transaction)).rejects.toMatchObject({ code: 'SDM_NOT_FOUND' });
      expect(await keys()).toEqual([]);
    });
  });

  describe('commits and ranges', () => {
    test('begins empty', async () => {
      expect(await store.snapshot('')).toEqual({ revision: 0, entries: [] });
    });

    test('a transaction has one revision, and the next one a higher one', async () => {
      const both = {
        put: [
          { key: 'b', value: '2' },
          { key: 'a', value: '1' },
        ],
      };
      expect(await store.commit(both)).toEqual({ ok: true, revision: 1 });
      expect(await put('c')).toEqual({ ok: true, revision: 2 });
      expect(await store.range('')).toEqual([
        { key: 'a', value: '1', revision: 1 },
        { key: 'b', value: '2', revision: 1 },
        { key: 'c', value: '{}', revision: 2 },
      ]);
    });

    test('a range is of keys that begin so, in the order of their bytes', async () => {
      const all = ['a', 'a/', 'a/1', 'a/10', 'a/2', 'a/\u{1f600}', 'a/\uffee', 'b', 'A'];
      for (const key of all) await put(key);
      expect(await keys('a/')).toEqual(['a/', 'a/1', 'a/10', 'a/2', 'a/\uffee', 'a/\u{1f600}']);
      expect(await keys('a/1')).toEqual(['a/1', 'a/10']);
      expect(await keys('nothing')).toEqual([]);
      expect((await keys()).length).toBe(all.length);
    });

    test('a comparison with 0 wants the key absent, and one with a revision that one', async () => {
      const create = { compare: [{ key: 'a', revision: 0 }], put: [{ key: 'a', value: '1' }] };
      expect(await store.commit(create)).toEqual({ ok: true, revision: 1 });
      expect(await store.commit(create)).toEqual({ ok: false, conflict: 'a' });
      const change = { compare: [{ key: 'a', revision: 1 }], put: [{ key: 'a', value: '2' }] };
      expect(await store.commit(change)).toEqual({ ok: true, revision: 2 });
      expect(await store.commit(change)).toEqual({ ok: false, conflict: 'a' });
      expect(await store.range('')).toEqual([{ key: 'a', value: '2', revision: 2 }]);
    });

    test('a conflict names the first key that differs, and does nothing', async () => {
      await put('a');
      const compare = [
        { key: 'a', revision: 1 },
        { key: 'x', revision: 7 },
        { key: 'a', revision: 9 },
      ];
      const transaction = { compare, put: [{ key: 'b', value: '1' }], delete: ['a'] };
      expect(await store.commit(transaction)).toEqual({ ok: false, conflict: 'x' });
      expect(await store.snapshot('')).toMatchObject({ revision: 1, entries: [{ key: 'a' }] });
    });

    test('what changes nothing has no revision of its own', async () => {
      await put('a');
      expect(await store.commit({ delete: ['nothing'] })).toEqual({ ok: true, revision: 1 });
      expect(await store.commit({ compare: [{ key: 'a', revision: 1 }] })).toMatchObject({
        revision: 1,
      });
      expect(await store.commit({})).toEqual({ ok: true, revision: 1 });
    });

    test('a key that came back has a new revision', async () => {
      await put('a');
      await store.commit({ delete: ['a'] });
      expect(await put('a')).toEqual({ ok: true, revision: 3 });
    });

    test('of many that compare the same, at once, one is first', async () => {
      const ends = await Promise.all(
        Array.from({ length: 64 }, (_, i) =>
          store.commit({
            compare: [{ key: 'a', revision: 0 }],
            put: [
              { key: 'a', value: `${i}` },
              { key: `won/${i}`, value: '1' },
            ],
          }),
        ),
      );
      expect(ends.filter(({ ok }) => ok)).toHaveLength(1);
      expect(await keys('won/')).toHaveLength(1);
    });

    test('values come back as they were, and long ones too', async () => {
      const values = ['', 'ü😀"\\', 'x'.repeat(1 << 20)];
      for (const [i, value] of values.entries()) await put(`v/${i}`, value);
      expect((await store.range('v/')).map(({ value }) => value)).toEqual(values);
    });

    test('all is there after it was opened again, and revisions go on', async () => {
      await put('a', '1');
      await store.commit({ delete: ['a'] });
      await put('b', '2');
      await store.close();
      store = await place.open();
      expect(await store.snapshot('')).toEqual({
        revision: 3,
        entries: [{ key: 'b', value: '2', revision: 3 }],
      });
      expect(await put('c')).toEqual({ ok: true, revision: 4 });
    });

    test('thousands of keys come whole', async () => {
      const all = Array.from({ length: 5_000 }, (_, i) => `k/${String(i).padStart(6, '0')}`);
      await Promise.all(all.map((key) => put(key)));
      expect(await keys('k/')).toEqual(all);
    });
  });

  describe('watch', () => {
    test('gives what comes after a revision, in order, also what was before it was asked', async () => {
      await put('a', '1');
      await put('a', '2');
      await store.commit({ put: [{ key: 'b', value: '3' }], delete: ['a'] });
      const found = take(store.watch('', 1), 4);
      await put('c', '4');
      expect(await found).toEqual([
        { revision: 2, kind: 'put', key: 'a', value: '2' },
        { revision: 3, kind: 'put', key: 'b', value: '3' },
        { revision: 3, kind: 'delete', key: 'a' },
        { revision: 4, kind: 'put', key: 'c', value: '4' },
      ]);
    });

    test('gives only keys that begin so, and no conflicts and deletes of nothing', async () => {
      const found = take(store.watch('a/', 0), 2);
      await put('a/1');
      await put('b/1');
      await store.commit({ delete: ['a/nothing'] });
      await store.commit({
        compare: [{ key: 'x', revision: 9 }],
        put: [{ key: 'a/x', value: '1' }],
      });
      await put('a/2');
      expect((await found).map(({ key }) => key)).toEqual(['a/1', 'a/2']);
    });

    test('a snapshot and a watch after it miss nothing, whatever is committed meanwhile', async () => {
      const writes = Array.from({ length: 200 }, (_, i) => put(`k/${i}`));
      const { revision, entries } = await store.snapshot('k/');
      const rest = take(store.watch('k/', revision), 200 - entries.length);
      await Promise.all(writes);
      const seen = entries.length === 200 ? [] : await rest;
      expect(new Set([...entries, ...seen].map(({ key }) => key)).size).toBe(200);
    });

    test('what is no longer known is said, at the start and to one who was slow', async () => {
      await store.close();
      store = await place.open({ history: 3 });
      const slow = store.watch('', 0)[Symbol.asyncIterator]();
      await put('a');
      expect((await slow.next()).value).toMatchObject({ key: 'a' });
      for (let i = 0; i < 6; i++) await put(`b/${i}`);
      const compacted = { code: 'SDM_STORE_COMPACTED', details: { compacted: 4 } };
      await expect(slow.next()).rejects.toMatchObject(compacted);
      await expect(take(store.watch('', 2), 1)).rejects.toMatchObject(compacted);
      expect((await take(store.watch('', 4), 3)).map(({ key }) => key)).toEqual([
        'b/3',
        'b/4',
        'b/5',
      ]);
    });

    test('after it was opened again, one from before begins with a snapshot', async () => {
      await put('a');
      await store.close();
      store = await place.open();
      await expect(take(store.watch('', 0), 1)).rejects.toMatchObject({
        code: 'SDM_STORE_COMPACTED',
      });
      const found = take(store.watch('', 1), 1);
      await put('b');
      expect(await found).toMatchObject([{ key: 'b', revision: 2 }]);
    });

    test('ends when the store is closed, and when its reader leaves', async () => {
      const open = take(store.watch('', 0), 1);
      const left = store.watch('', 0)[Symbol.asyncIterator]();
      const waiting = left.next();
      await left.return?.();
      expect(await waiting).toMatchObject({ done: true });
      await store.close();
      expect(await open).toEqual([]);
    });
  });

  describe('leases', () => {
    test('what was put with one goes with it, in one revision', async () => {
      await store.grantLease('l', LONG_MS);
      await put('a', '1', 'l');
      await put('b', '1', 'l');
      await put('c');
      expect(await store.range('a')).toEqual([{ key: 'a', value: '1', revision: 1, lease: 'l' }]);
      const found = take(store.watch('', 3), 2);
      await store.revokeLease('l');
      expect(await found).toEqual([
        { revision: 4, kind: 'delete', key: 'a' },
        { revision: 4, kind: 'delete', key: 'b' },
      ]);
      expect(await keys()).toEqual(['c']);
      await expect(put('d', '1', 'l')).rejects.toMatchObject({ code: 'SDM_NOT_FOUND' });
    });

    test('a put without it takes a key out of it', async () => {
      await store.grantLease('l', LONG_MS);
      await put('a', '1', 'l');
      await put('a', '2');
      await store.revokeLease('l');
      expect(await keys()).toEqual(['a']);
    });

    test('one that nobody keeps alive ends, and one that is kept does not', async () => {
      await store.grantLease('short', 60);
      await store.grantLease('long', LONG_MS);
      await put('a', '1', 'short');
      await put('b', '1', 'long');
      await waitFor(
        'the lease to end',
        async () => (await keys()).length === 1 || undefined,
        TIMEOUT,
      );
      expect(await keys()).toEqual(['b']);
      await expect(store.keepLeaseAlive('short')).rejects.toMatchObject({ code: 'SDM_NOT_FOUND' });
      await store.keepLeaseAlive('long');
      expect((await store.leases()).map(({ id }) => id)).toEqual(['long']);
    });

    test('granting it again keeps it alive, but not with another time', async () => {
      await store.grantLease('l', LONG_MS);
      await store.grantLease('l', LONG_MS);
      await expect(store.grantLease('l', 1)).rejects.toMatchObject({
        code: 'SDM_CONFLICT',
        details: { asked: 1, found: LONG_MS },
      });
      expect(await store.leases()).toMatchObject([{ id: 'l', ttlMs: LONG_MS }]);
    });

    test('revoking what there is not is fine, and one that went can be granted anew', async () => {
      await store.revokeLease('l');
      await store.grantLease('l', 5);
      await waitFor(
        'its end',
        async () => (await store.leases()).length === 0 || undefined,
        TIMEOUT,
      );
      await store.grantLease('l', LONG_MS);
      await put('a', '1', 'l');
      expect(await keys()).toEqual(['a']);
    });

    test('after it was opened again each has all of its time, and ends after it', async () => {
      await store.grantLease('l', 300);
      await store.grantLease('long', LONG_MS);
      await put('a', '1', 'l');
      await store.close();
      store = await place.open();
      const [first] = await store.leases();
      expect(first).toMatchObject({ id: 'l', ttlMs: 300 });
      expect(await keys()).toEqual(['a']);
      await waitFor(
        'the lease to end',
        async () => (await keys()).length === 0 || undefined,
        TIMEOUT,
      );
      expect((await store.leases()).map(({ id }) => id)).toEqual(['long']);
    });
  });

  describe('the end', () => {
    test('close ends what was asked before, refuses what comes after, and may come twice', async () => {
      const writes = Array.from({ length: 100 }, (_, i) => put(`k/${i}`));
      await Promise.all([store.close(), store.close()]);
      expect((await Promise.all(writes)).every(({ ok }) => ok)).toBe(true);
      for (const late of [put('a'), store.range(''), store.leases(), store.grantLease('l', 9)]) {
        await expect(late).rejects.toMatchObject({ code: 'SDM_CLOSED' });
      }
      store = await place.open();
      expect(await keys()).toHaveLength(100);
    });
  });
});
