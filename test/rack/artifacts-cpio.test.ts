import { spawnSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeCpio, type CpioEntry } from '../../src/rack/artifacts/cpio.js';

interface Found {
  readonly name: string;
  readonly mode: number;
  readonly owner: number;
  readonly data: string;
}

/** Reads "newc" by its documentation, so that the writer is not held against itself. */
function readCpio(archive: Buffer): Found[] {
  const found: Found[] = [];
  const even = (at: number): number => (at + 3) & ~3;
  for (let at = 0; at < archive.length;) {
    const field = (n: number): number =>
      parseInt(archive.toString('latin1', at + 6 + n * 8, at + 14 + n * 8), 16);
    expect(archive.toString('latin1', at, at + 6)).toBe('070701');
    const [mode, owner, size, nameSize] = [field(1), field(2), field(6), field(11)];
    const name = archive.toString('utf8', at + 110, at + 110 + nameSize - 1);
    expect(archive[at + 110 + nameSize - 1]).toBe(0);
    const start = even(at + 110 + nameSize);
    found.push({ name, mode, owner, data: archive.toString('utf8', start, start + size) });
    at = even(start + size);
  }
  return found;
}

describe('writeCpio', () => {
  it.each(['', '/', '/a/../b', '/a\0b'])('refuses the path %j', (path) => {
    expect(() => writeCpio([{ path, data: '' }])).toThrow(/path of an archive entry/);
  });

  it('writes files, directories, links and devices as root', () => {
    const found = readCpio(
      writeCpio([
        { path: '/etc/secret', mode: 0o600, data: 'hush' },
        { path: '/etc/run', mode: 0o755, data: Buffer.from('#!') },
        { path: '/tmp', directory: true, mode: 0o1777 },
        { path: '/lib', link: 'usr/lib' },
        { path: '/dev/console', characterDevice: { major: 5, minor: 1 } },
      ]),
    );
    expect(found.map(({ name, mode, data }) => [name, mode.toString(8), data])).toEqual([
      ['etc', '40755', ''],
      ['etc/secret', '100600', 'hush'],
      ['etc/run', '100755', '#!'],
      ['tmp', '41777', ''],
      ['lib', '120777', 'usr/lib'],
      ['dev', '40755', ''],
      ['dev/console', '20600', ''],
      ['TRAILER!!!', '0', ''],
    ]);
    expect(found.every(({ owner }) => owner === 0)).toBe(true);
  });

  it('keeps names and bytes of any length, on boundaries of four bytes', () => {
    const name = fc.stringMatching(/^[a-z]{1,40}$/);
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(name, fc.stringMatching(/^[ -~]{0,70}$/)), {
          selector: ([path]) => path,
          maxLength: 8,
        }),
        (files) => {
          const archive = writeCpio(files.map(([path, data]) => ({ path, data })));
          expect(archive.length % 4).toBe(0);
          const found = readCpio(archive).slice(0, -1);
          expect(found.map(({ name: path, data }) => [path, data])).toEqual(files);
        },
      ),
    );
  });

  it('is the same for the same entries', () => {
    const entries: CpioEntry[] = [{ path: '/a/b', data: 'x' }];
    expect(writeCpio(entries).equals(writeCpio(entries))).toBe(true);
  });

  const hasCpio = spawnSync('cpio', ['--version']).status === 0;
  it.skipIf(!hasCpio)('is read by cpio itself', () => {
    const dir = mkdtempSync(join(tmpdir(), 'sdm-cpio-'));
    try {
      const input = writeCpio([
        { path: '/a/b', mode: 0o640, data: 'text' },
        { path: '/a/c', link: 'b' },
      ]);
      const { status } = spawnSync('cpio', ['-i', '--quiet'], { cwd: dir, input });
      expect(status).toBe(0);
      expect(readFileSync(join(dir, 'a/b'), 'utf8')).toBe('text');
      expect(statSync(join(dir, 'a/b')).mode & 0o777).toBe(0o640);
      expect(lstatSync(join(dir, 'a/c')).isSymbolicLink()).toBe(true);
      expect(readlinkSync(join(dir, 'a/c'))).toBe('b');
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
