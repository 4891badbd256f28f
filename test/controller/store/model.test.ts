import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { Change, Entry, Transaction } from '../../../src/controller/store/index.js';
import { kinds, take } from './stores.js';

vi.setConfig({ testTimeout: 120_000 });

/** What etcd does, said as shortly as possible. */
class Model {
  revision = 0;
  readonly entries = new Map<string, Entry>();
  readonly leases = new Set<string>();
  readonly changes: Change[] = [];

  commit({ compare = [], put = [], delete: gone = [] }: Transaction): unknown {
    const conflict = compare.find(
      ({ key, revision }) => (this.entries.get(key)?.revision ?? 0) !== revision,
    );
    if (conflict !== undefined) return { ok: false, conflict: conflict.key };
    if (put.some(({ lease }) => lease !== undefined && !this.leases.has(lease))) return 'no lease';
    const deleted = gone.filter((key) => this.entries.has(key));
    if (put.length + deleted.length > 0) this.revision += 1;
    const { revision } = this;
    for (const each of put) {
      this.entries.set(each.key, { ...each, revision });
      this.changes.push({ revision, kind: 'put', ...each });
    }
    this.#delete(deleted);
    return { ok: true, revision };
  }

  revoke(id: string): void {
    if (!this.leases.delete(id)) return;
    const gone = this.range('').filter(({ lease }) => lease === id);
    if (gone.length === 0) return;
    this.revision += 1;
    this.#delete(gone.map(({ key }) => key));
  }

  range(prefix: string): Entry[] {
    const bytes = (key: string): Buffer => Buffer.from(key);
    return [...this.entries.values()]
      .filter(({ key }) => key.startsWith(prefix))
      .sort((a, b) => Buffer.compare(bytes(a.key), bytes(b.key)));
  }

  #delete(keys: readonly string[]): void {
    for (const key of keys) {
      this.entries.delete(key);
      this.changes.push({ revision: this.revision, kind: 'delete', key });
    }
  }
}

type Step =
  | { do: 'together'; transactions: Transaction[] }
  | { do: 'grant' | 'revoke'; lease: string }
  | { do: 'range'; prefix: string }
  | { do: 'reopen' };

const key = fc.constantFrom('a', 'a/1', 'a/2', 'b', 'b/\uffee', 'b/\u{1f600}', 'c');
const lease = fc.constantFrom('l1', 'l2');
const transaction: fc.Arbitrary<Transaction> = fc
  .record({
    // Small revisions, so that they are met: what was, what is, what is not yet.
    compare: fc.array(fc.record({ key, revision: fc.nat({ max: 12 }) }), { maxLength: 2 }),
    keys: fc.uniqueArray(key, { maxLength: 4 }),
    puts: fc.nat({ max: 4 }),
    value: fc.string({ maxLength: 8 }),
    lease: fc.option(lease, { nil: undefined, freq: 4 }),
  })
  .map(({ compare, keys, puts, value, lease: with_ }) => ({
    ...(compare.length === 0 ? {} : { compare }),
    put: keys.slice(0, puts).map((each) => ({
      key: each,
      value: JSON.stringify(value),
      ...(with_ === undefined ? {} : { lease: with_ }),
    })),
    delete: keys.slice(puts),
  }));
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('together' as const),
      transactions: fc.array(transaction, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('grant', 'revoke'), lease }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('range' as const), prefix: key }) },
  { weight: 1, arbitrary: fc.constant({ do: 'reopen' as const }) },
);

describe.each(kinds)('store $kind', ({ make }) => {
  test('does what the model does, whatever is asked, together or after one another', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
        const model = new Model();
        const place = make();
        let store = await place.open();
        let watched = { from: 0, index: 0 };
        const compareWatch = async (): Promise<void> => {
          const expected = model.changes.slice(watched.index);
          if (expected.length === 0) return;
          const found = await take(store.watch('', watched.from), expected.length);
          expect(found).toEqual(expected);
        };
        try {
          for (const each of steps) {
            if (each.do === 'together') {
              // Sent at once: they end as in the order in which they were sent.
              const ends = each.transactions.map((one) =>
                store.commit(one).catch((error: { code: string }) => {
                  if (error.code === 'SDM_NOT_FOUND') return 'no lease';
                  throw error;
                }),
              );
              const expected = each.transactions.map((one) => model.commit(one));
              expect(await Promise.all(ends)).toEqual(expected);
            } else if (each.do === 'grant') {
              model.leases.add(each.lease);
              await store.grantLease(each.lease, 600_000);
            } else if (each.do === 'revoke') {
              model.revoke(each.lease);
              await store.revokeLease(each.lease);
            } else if (each.do === 'range') {
              expect(await store.range(each.prefix)).toEqual(model.range(each.prefix));
            } else {
              await compareWatch();
              await store.close();
              store = await place.open();
              watched = { from: model.revision, index: model.changes.length };
            }
          }
          const { revision, entries } = await store.snapshot('');
          expect({ revision, entries }).toEqual({
            revision: model.revision,
            entries: model.range(''),
          });
          expect((await store.leases()).map(({ id }) => id)).toEqual([...model.leases].sort());
          await compareWatch();
        } finally {
          await store.close();
          place.remove();
        }
      }),
      { numRuns: 60 },
    );
  });
});
