import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rackLayout, type RackLayout } from '../../src/rack/layout.js';
import { checkSpace, createPool, hostSpace, removeShm } from '../../src/rack/pool.js';

const GIB = 1n << 30n;
const MIB = 1 << 20;

let scratch: string;
let layout: RackLayout;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'sdm-pool-'));
  layout = rackLayout('r0', join(scratch, 'racks'), scratch);
  mkdirSync(layout.dir, { recursive: true });
});
afterEach(() => rmSync(scratch, { recursive: true }));

describe('space for a rack', () => {
  it('is refused with what there is and what to do', () => {
    expect(() =>
      checkSpace(4n * GIB, GIB, '/dev/shm', { free: GIB, available: 64n * GIB }),
    ).toThrow(
      expect.objectContaining({
        code: 'SDM_RACK_SPACE',
        message: expect.stringMatching(/4 GiB.*1024 MiB free.*--pool/),
      }),
    );
    expect(() =>
      checkSpace(4n * GIB, GIB, '/dev/shm', { free: 8n * GIB, available: 5n * GIB }),
    ).toThrow(
      expect.objectContaining({
        code: 'SDM_RACK_SPACE',
        message: expect.stringMatching(/5632 MiB.*5120 MiB available.*--memory/),
      }),
    );
    checkSpace(4n * GIB, GIB, '/dev/shm', { free: 8n * GIB, available: 8n * GIB });
  });

  it('is read from the host', () => {
    const { free, available } = hostSpace('/tmp');
    expect(free).toBeGreaterThan(0n);
    expect(available).toBeGreaterThan(0n);
  });
});

describe('pool', () => {
  it('has every byte allocated, and goes without a trace', async () => {
    await createPool(layout, BigInt(8 * MIB));
    const stat = statSync(layout.pool);
    expect(stat.size).toBe(8 * MIB);
    expect(stat.blocks * 512).toBeGreaterThanOrEqual(8 * MIB);
    expect(statSync(layout.shmDir).mode & 0o777).toBe(0o700);
    removeShm(layout);
    expect(existsSync(layout.shmDir)).toBe(false);
  });

  it('takes the place of what a crash left', async () => {
    mkdirSync(layout.shmDir);
    writeFileSync(layout.pool, 'old');
    await createPool(layout, BigInt(MIB));
    expect(statSync(layout.pool).size).toBe(MIB);
  });

  it('of a rack of that name in another state directory is left alone', async () => {
    await createPool(layout, BigInt(MIB));
    const other = rackLayout('r0', join(scratch, 'other'), scratch);
    await expect(createPool(other, BigInt(MIB))).rejects.toMatchObject({
      code: 'SDM_RACK_RUNNING',
      message: expect.stringContaining(layout.dir),
    });
    removeShm(other);
    expect(existsSync(layout.pool)).toBe(true);
    // When that one is gone, its leftovers are nobody's.
    rmSync(layout.dir, { recursive: true });
    await createPool(other, BigInt(MIB));
  });

  // Only root can make something of another user's.
  it.runIf(process.getuid?.() === 0).each(['shmDir', 'shmDraft'] as const)(
    'is refused where another user has made its %s, which stays',
    async (what) => {
      mkdirSync(layout[what]);
      chownSync(layout[what], 12345, 12345);
      removeShm(layout);
      await expect(createPool(layout, BigInt(MIB))).rejects.toMatchObject({
        code: 'SDM_RACK_STATE',
        message: expect.stringMatching(/belongs to another user \(12345\).*--name/),
      });
      expect(existsSync(layout[what])).toBe(true);
    },
  );

  it('is given up at once when cancelled', async () => {
    const reason = new Error('enough');
    await expect(createPool(layout, BigInt(MIB), AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
