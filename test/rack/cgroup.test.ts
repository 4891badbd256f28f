import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cgroupAvailable } from '../../src/rack/cgroup.js';

let scratch: string;
beforeEach(() => (scratch = mkdtempSync(join(tmpdir(), 'sdm-cgroup-'))));
afterEach(() => rmSync(scratch, { recursive: true }));

/** Files of a control group as the kernel writes them. */
function group(path: string, files: Record<string, string>): void {
  const dir = join(scratch, 'fs', path);
  mkdirSync(dir, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), `${text}\n`);
}

function available(self: string, swapFree = 0n): bigint | undefined {
  writeFileSync(join(scratch, 'self'), self);
  return cgroupAvailable(swapFree, { self: join(scratch, 'self'), root: join(scratch, 'fs') });
}

describe('what a control group leaves', () => {
  it.each([
    ['without control groups', ''],
    ['in version 1', '4:memory:/a\n1:cpu:/\n'],
    ['in the root group, which has no limit', '0::/\n'],
    ['in a group that we cannot see', '0::/../elsewhere\n'],
  ])('is not limited %s', (_what, self) => {
    expect(available(self)).toBeUndefined();
  });

  it('is the limit less what is in use, without the page cache', () => {
    group('/', {
      'memory.max': '1000',
      'memory.current': '700',
      'memory.stat': 'anon 400\nfile 300\ninactive_file 50\nactive_file 25',
    });
    expect(available('0::/\n')).toBe(375n);
  });

  it('is the least of all groups above', () => {
    group('/a', { 'memory.max': '1000', 'memory.current': '900' });
    group('/a/b', { 'memory.max': 'max', 'memory.current': '10' });
    group('/a/b/c', { 'memory.max': '500', 'memory.current': '10' });
    expect(available('1:cpu:/\n0::/a/b/c\n')).toBe(100n);
    group('/a', { 'memory.current': '1100' });
    expect(available('0::/a/b/c\n')).toBe(0n);
  });

  it('has swap as far as it may be used', () => {
    group('/', { 'memory.max': '1000', 'memory.current': '900' });
    expect(available('0::/\n', 70n)).toBe(170n);
    group('/', { 'memory.swap.max': '40', 'memory.swap.current': '10' });
    expect(available('0::/\n', 70n)).toBe(130n);
    group('/', { 'memory.swap.max': 'max' });
    expect(available('0::/\n', 70n)).toBe(170n);
  });
});
