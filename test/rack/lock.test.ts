import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rackLayout, type RackLayout } from '../../src/rack/layout.js';
import { lockRack } from '../../src/rack/lock.js';

let scratch: string;
let layout: RackLayout;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'sdm-lock-'));
  layout = rackLayout('r0', scratch);
});
afterEach(() => rmSync(scratch, { recursive: true }));

describe('lock of a rack', () => {
  it('says what to do where it cannot be made', async () => {
    // A directory in the way of the file.
    mkdirSync(layout.lockFile);
    await expect(lockRack(layout, 'up')).rejects.toMatchObject({ code: 'SDM_RACK_STATE' });
  });

  it('lets one in and tells the next who it is', async () => {
    const first = await lockRack(layout, 'up');
    await expect(lockRack(layout, 'up')).rejects.toMatchObject({
      code: 'SDM_RACK_BUSY',
      message: expect.stringContaining(`process ${process.pid} (sdm rack up)`),
    });
    await first.release();
    await first.release();
    await (await lockRack(layout, 'down')).release();
  });

  it('waits for its turn', async () => {
    const first = await lockRack(layout, 'up');
    const second = lockRack(layout, 'down', 20_000);
    await first.release();
    await (await second).release();
  });

  it('lets in exactly one of many at a time, though each removes the file', async () => {
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        const lock = await lockRack(layout, 'up', 25_000);
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
        await lock.release();
      }),
    );
    expect(most).toBe(1);
  });

  it('leaves no file when the rack is gone, and an empty one while it is there', async () => {
    await (await lockRack(layout, 'down')).release();
    expect(existsSync(layout.lockFile)).toBe(false);
    mkdirSync(layout.dir);
    await (await lockRack(layout, 'up')).release();
    expect(readFileSync(layout.lockFile, 'utf8')).toBe('');
  });

  it('is free again when its holder is killed', async () => {
    const program = `
      import { lockRack } from ${JSON.stringify(join(process.cwd(), 'dist/src/rack/lock.js'))};
      import { rackLayout } from ${JSON.stringify(join(process.cwd(), 'dist/src/rack/layout.js'))};
      await lockRack(rackLayout('r0', ${JSON.stringify(scratch)}), 'up');
      console.log('held');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    await expect(lockRack(layout, 'up')).rejects.toMatchObject({ code: 'SDM_RACK_BUSY' });
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
    await (await lockRack(layout, 'up', 20_000)).release();
  });
});
