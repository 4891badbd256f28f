import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openStore } from '../../../src/controller/store/index.js';
import { scratchDir } from '../../support/scratch.js';
import { SILENT } from './stores.js';
import { startWriter } from './writer.js';

/** How often a process is ended while it commits; `npm run soak` does it more often. */
const KILLS = Number(process.env['SDM_SOAK'] ?? '0') > 0 ? 100 : 12;

test('every commit that was acknowledged is there, whole, after any number of SIGKILLs', async () => {
  const path = join(scratchDir('store-crash'), 'store.db');
  const acked = new Map<string, number>();
  let from = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const writer = startWriter(path, from, kill % 3 === 0 ? 1 : 32);
    // Somewhere in the middle of commits: after an acknowledgement, and others are under way.
    await writer.until('acked', 1 + ((kill * 37) % 150));
    writer.process.kill('SIGKILL');
    await writer.ended();
    expect(writer.said('rejected')).toEqual([]);
    for (const [id, revision] of writer.said('acked').map((line) => line.split(' '))) {
      acked.set(id!, Number(revision));
    }

    const store = await openStore({ path, log: SILENT });
    const { revision, entries } = await store.snapshot('');
    const found = new Map(entries.map((entry) => [entry.key, entry.revision]));
    for (const [id, at] of acked) {
      expect(found.get(`a/${id}`), `a/${id} after kill ${kill}`).toBe(at);
      expect(found.get(`b/${id}`), `b/${id} after kill ${kill}`).toBe(at);
    }
    for (const { key, revision: at } of entries) {
      const other = (key.startsWith('a') ? 'b' : 'a') + key.slice(1);
      expect(found.get(other), `the other half of ${key}`).toBe(at);
      expect(at).toBeLessThanOrEqual(revision);
    }
    await store.close();
    // Also above what was committed and never acknowledged.
    from = Math.max(0, ...entries.map(({ key }) => Number(key.slice(2)))) + 1;
  }
  expect(acked.size).toBeGreaterThan(KILLS);
}, 180_000);
