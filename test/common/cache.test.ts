import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cached, hashFiles, hashOf, withLock } from '../../src/common/cache.js';

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'sdm-cache-'));
});
afterEach(() => rmSync(cache, { recursive: true, force: true }));

describe('hashOf', () => {
  it('tells lists of parts apart', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (a, b) => {
        const same = a.length === b.length && a.every((part, i) => part === b[i]);
        expect(hashOf(...a) === hashOf(...b)).toBe(same);
      }),
    );
    expect(hashOf('ab', 'c')).not.toBe(hashOf('a', 'bc'));
  });
});

describe('hashFiles', () => {
  it('changes with names, contents and what counts', () => {
    const seen = new Set<string>();
    const hash = (wanted?: (path: string) => boolean): string => {
      const value = hashFiles(cache, ['dir'], wanted);
      seen.add(value);
      return value;
    };
    mkdirSync(join(cache, 'dir/sub'), { recursive: true });
    writeFileSync(join(cache, 'dir/sub/a'), '1');
    const first = hash();
    writeFileSync(join(cache, 'dir/sub/a'), '2');
    hash();
    writeFileSync(join(cache, 'dir/b.o'), '');
    hash();
    expect(seen.size).toBe(3);
    writeFileSync(join(cache, 'dir/sub/a'), '1');
    expect(hash((path) => !path.endsWith('.o'))).toBe(first);
    expect(() => hashFiles(cache, ['missing'])).toThrow(/ENOENT/);
  });
});

describe('cached', () => {
  const entry = (key: string, make: (dir: string) => Promise<void>) =>
    cached({ cache, kind: 'thing', key, make });
  const write = (text: string) => (dir: string) => writeFile(join(dir, 'file'), text);

  it('leaves nothing of what failed, and makes it the next time', async () => {
    const failing = entry('a', async (dir) => {
      await write('half')(dir);
      throw new Error('broken');
    });
    await expect(failing).rejects.toThrow('broken');
    expect(readdirSync(join(cache, 'thing'))).toEqual([]);
    const dir = await entry('a', write('whole'));
    expect(readFileSync(join(dir, 'file'), 'utf8')).toBe('whole');
  });

  it('makes a thing once, also for many who want it at once', async () => {
    let made = 0;
    const dirs = await Promise.all(
      Array.from({ length: 8 }, () =>
        entry('a', async (dir) => {
          made++;
          await write('x')(dir);
        }),
      ),
    );
    expect(made).toBe(1);
    expect(new Set(dirs).size).toBe(1);
  });

  it('removes what a process that died has left', async () => {
    mkdirSync(join(cache, 'thing/tmp-b'), { recursive: true });
    writeFileSync(join(cache, 'thing/tmp-b/file'), 'half');
    await entry('a', write('x'));
    expect(readdirSync(join(cache, 'thing'))).toEqual(['a']);
  });

  it('keeps the newest two, and whatever was used within the hour', async () => {
    const longAgo = new Date(Date.now() - 48 * 3_600_000);
    for (const [i, key] of ['a', 'b', 'c'].entries()) {
      const dir = await entry(key, write(key));
      utimesSync(dir, longAgo, new Date(longAgo.getTime() + i * 1000));
    }
    // Asked for again: it counts as used now.
    await entry('a', write('never'));
    await entry('d', write('d'));
    expect(readdirSync(join(cache, 'thing')).sort()).toEqual(['a', 'd']);
  });

  it('waits as long for another as the entry says', async () => {
    await withLock(join(cache, 'thing.lock'), 'x', async () => {
      const make = write('never');
      const waiting = cached({ cache, kind: 'thing', key: 'a', make, lockTimeoutMs: 100 });
      await expect(waiting).rejects.toMatchObject({
        code: 'SDM_TIMEOUT',
        message: expect.stringContaining('Waited 0.1 s for thing'),
      });
    });
  });

  it('makes nothing once cancelled', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const making = cached({
      cache,
      kind: 'thing',
      key: 'a',
      signal,
      make: async (dir) => {
        await write('x')(dir);
        controller.abort(new Error('enough'));
      },
    });
    await expect(making).rejects.toThrow('enough');
    expect(existsSync(join(cache, 'thing/a'))).toBe(false);
  });
});

describe('withLock', () => {
  it('says who is waited for when the deadline passes', async () => {
    const lock = join(cache, 'lock');
    await withLock(lock, 'the thing', async () => {
      const waiting = withLock(lock, 'the thing', async () => {}, { timeoutMs: 100 });
      await expect(waiting).rejects.toMatchObject({
        code: 'SDM_TIMEOUT',
        message: expect.stringContaining('for the thing, which another process is making'),
      });
    });
  });

  it('is given up when its holder is killed', async () => {
    const lock = join(cache, 'lock');
    const module = new URL('../../dist/src/common/cache.js', import.meta.url).href;
    const code = `import(${JSON.stringify(module)}).then(({ withLock }) =>
      withLock(${JSON.stringify(lock)}, 'x', async () => { console.log('held'); await new Promise(() => setInterval(() => {}, 1e6)); }))`;
    const holder = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    holder.kill('SIGKILL');
    expect(await withLock(lock, 'x', () => Promise.resolve('mine'), { timeoutMs: 10_000 })).toBe(
      'mine',
    );
  });

  it('is free after its work failed', async () => {
    const lock = join(cache, 'lock');
    await expect(withLock(lock, 'x', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await withLock(lock, 'x', () => Promise.resolve(1), { timeoutMs: 5000 })).toBe(1);
  });
});
