import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openStore } from '../../../src/controller/store/index.js';
import { scratchDir } from '../../support/scratch.js';
import { SILENT } from './stores.js';
import { startWriter } from './writer.js';

const dir = scratchDir('store-full');
const mount = (...args: string[]): boolean => spawnSync('mount', args).status === 0;

/** A file system of 2 MiB of its own, where this process may mount one. */
const disk = join(dir, 'disk');
mkdirSync(disk);
const MOUNTS = mount('-t', 'tmpfs', '-o', 'size=2m,mode=700', 'sdm-test', disk);
if (MOUNTS) spawnSync('umount', [disk]);

describe.skipIf(!MOUNTS)('a disk that is full', () => {
  beforeEach(() => void mount('-t', 'tmpfs', '-o', 'size=2m,mode=700', 'sdm-test', disk));
  afterEach(() => void spawnSync('umount', ['-l', disk]));

  test('everything under way is refused, the store is over, and what was acknowledged is there', async () => {
    const path = join(disk, 'store.db');
    const writer = startWriter(path, 0, 16, 2_000);
    await writer.ended();
    const acked = writer.said('acked').map((line) => line.split(' ')[0]);
    expect(acked.length).toBeGreaterThan(50);
    // Each client had one under way: all of them were told.
    expect(writer.said('rejected').map((line) => line.split(' ')[1])).toEqual(
      Array.from({ length: 16 }, () => 'SDM_STORE'),
    );
    expect(writer.said('failed')).toEqual(['{"code":"SDM_STORE"}']);
    expect(writer.said('closed')).toHaveLength(1);

    // Reading needs no room: it is there although nothing more fits.
    expect(mount('-o', 'remount,size=16m', disk)).toBe(true);
    const store = await openStore({ path, log: SILENT });
    const found = new Set((await store.range('')).map(({ key }) => key));
    for (const id of acked)
      expect([found.has(`a/${id}`), found.has(`b/${id}`)]).toEqual([true, true]);
    for (const key of found)
      expect(found.has((key.startsWith('a') ? 'b' : 'a') + key.slice(1))).toBe(true);
    // What was refused may be there or not, but it was not acknowledged; all goes on.
    expect(await store.commit({ put: [{ key: 'z', value: '1' }] })).toMatchObject({ ok: true });
    await store.close();
  });

  test('a store that cannot be made says so', async () => {
    writeFileSync(join(disk, 'filler'), Buffer.alloc(2 << 20, 1), { flush: false });
    const opening = openStore({ path: join(disk, 'store.db'), log: SILENT });
    await expect(opening).rejects.toMatchObject({ code: 'SDM_STORE' });
    rmSync(join(disk, 'filler'));
    await (await openStore({ path: join(disk, 'store.db'), log: SILENT })).close();
  });

  test('a backup that does not fit leaves nothing behind, and the store goes on', async () => {
    const store = await openStore({ path: join(dir, 'whole.db'), log: SILENT });
    const value = JSON.stringify('x'.repeat(100_000));
    for (let i = 0; i < 40; i++) await store.commit({ put: [{ key: `k/${i}`, value }] });
    const target = join(disk, 'backup.db');
    writeFileSync(join(disk, 'yesterday.db'), 'the one of yesterday');
    await expect(store.backup(target)).rejects.toMatchObject({ code: 'SDM_STORE' });
    expect(spawnSync('ls', ['-A', disk], { encoding: 'utf8' }).stdout).toBe('yesterday.db\n');
    expect(await store.commit({ put: [{ key: 'z', value: '1' }] })).toMatchObject({ ok: true });
    await store.close();
  });
});

describe('a disk that does not do what it should', () => {
  test('a write that fails ends the store, and what was acknowledged is there', async () => {
    const path = join(dir, 'limited', 'store.db');
    // No file may grow beyond it: the kernel refuses the write, on any file system and for any user.
    const limit = ['sh', '-c', 'ulimit -f 1500 && exec "$@"', 'sh'];
    const writer = startWriter(path, 0, 16, 2_000, limit);
    await writer.ended();
    const acked = writer.said('acked').map((line) => line.split(' ')[0]);
    expect(acked.length).toBeGreaterThan(50);
    expect(writer.said('rejected').map((line) => line.split(' ')[1])).toEqual(
      Array.from({ length: 16 }, () => 'SDM_STORE'),
    );
    expect(writer.said('failed')).toEqual(['{"code":"SDM_STORE"}']);
    const store = await openStore({ path, log: SILENT });
    const found = new Set((await store.range('')).map(({ key }) => key));
    for (const id of acked) {
      expect([found.has(`a/${id}`), found.has(`b/${id}`)]).toEqual([true, true]);
    }
    await store.close();
  });

  test('an answer that does not come in time ends the store, and all who wait are told', async () => {
    const path = join(dir, 'slow.db');
    const store = await openStore({ path, log: SILENT, deadlineMs: 1 });
    const value = JSON.stringify('x'.repeat(1_000_000));
    const writes = Array.from({ length: 60 }, (_, i) =>
      store.commit({ put: [{ key: `k/${i}`, value }] }),
    );
    const ends = await Promise.allSettled(writes);
    expect(ends.map((end) => end.status === 'rejected' && end.reason.code)).toEqual(
      writes.map(() => 'SDM_STORE'),
    );
    await expect(store.failed).resolves.toMatchObject({ code: 'SDM_STORE' });
    await expect(store.range('')).rejects.toMatchObject({ code: 'SDM_STORE' });
    await expect(store.watch('', 0)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'SDM_STORE',
    });
    await store.close();
    // All of the group or nothing of it: that is what the next opening tells.
    const again = await openStore({ path, log: SILENT });
    expect([0, 60]).toContain((await again.range('')).length);
    await again.close();
  });

  test('a database that is cut under the store is no reason to answer wrongly', async () => {
    const path = join(dir, 'cut.db');
    const first = await openStore({ path, log: SILENT });
    const value = JSON.stringify('x'.repeat(3_000));
    await Promise.all(
      Array.from({ length: 4_000 }, (_, i) => first.commit({ put: [{ key: `k/${i}`, value }] })),
    );
    await first.close();
    const store = await openStore({ path, log: SILENT });
    truncateSync(path, 64 * 1024);
    await expect(store.range('')).rejects.toMatchObject({ code: 'SDM_STORE' });
    await expect(store.failed).resolves.toMatchObject({ code: 'SDM_STORE' });
    await store.close();
  });
});
