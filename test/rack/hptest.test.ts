import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { projectDir } from '../../src/common/paths.js';
import { scratchDir } from '../support/scratch.js';

// The very source that bricks run, compiled for this machine and with sanitizers.
const source = readFileSync(join(projectDir(), 'tools/guest/hptest.c'), 'utf8');
const work = scratchDir('hptest');

function compile(name: string, code: string): string {
  const [path, out] = [join(work, `${name}.c`), join(work, name)];
  writeFileSync(path, code);
  const checks = ['-Wall', '-Wextra', '-Werror', '-fsanitize=address,undefined'];
  const args = ['-x', 'c', '-std=gnu17', '-O2', ...checks, '-o', out, path];
  const { status, stderr } = spawnSync('g++', args, { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  return out;
}

const run = (program: string, ...args: string[]): SpawnSyncReturns<string> =>
  spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 });

describe('hptest', () => {
  let hptest: string;
  beforeAll(() => {
    hptest = compile('hptest', source);
  });

  it.each([[['0']], [['-1']], [['4M']], [['4', '4']], [['--node', '4096', '4']], [['--what']]])(
    'says how it is used with %j',
    (args) => {
      const { status, stderr } = run(hptest, ...args);
      expect(status).toBe(2);
      expect(stderr).toContain('usage: hptest [--node N] [--leave MIB] [MIB]\n');
    },
  );

  it('prints what D4.4 shows: greeting, allocation, indices, usage', () => {
    const { status, stdout, stderr } = run(hptest, '5');
    expect([status, stderr]).toEqual([0, '']);
    const allocated = [1, 2, 3, 4, 5].map((n) => `Allocated: ${n} M\n`).join('');
    const indices = Array.from({ length: 10 }, (_, i) => i * 128).join(', ');
    expect(stdout).toContain(`Hello hot-plug\n${allocated}${indices}\n`);
    expect(stdout).toMatch(/^Memory usage: 1280 pages of 4096 bytes, 5 M; /m);
  });

  it('ends before memory does, and says so if there is none', () => {
    const { status, stderr } = run(hptest, '--leave', '4000000000');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^hptest: no memory: \d+ M are free, 4000000000 M are to be left/);
  });

  it('names a node that is not there', () => {
    const { status, stderr } = run(hptest, '--node', '1023', '1');
    expect(status).toBe(1);
    expect(stderr).toContain('there is no node 1023 online');
  });

  it('finds the one word that is not as it was written', () => {
    const broken = source.replace('address[word] = done;', 'address[word] = done + (word == 7);');
    expect(broken).not.toBe(source);
    const { status, stderr } = run(compile('broken', broken), '1');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^hptest: page 0 at 0x[0-9a-f]+: word 7 is 1\n$/);
  });
});
