import { spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectDir } from '../../src/common/paths.js';
import { findFilledPages } from '../../src/demo/pool-pages.js';

const MIB = 1024 * 1024;
const SIZE = 4 * MIB;
const PAGES = SIZE / 4096;

// The very source that bricks run, compiled for this machine and with sanitizers.
let dir: string;
let memfill: string;
let file: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'sdm-guest-'));
  memfill = join(dir, 'memfill');
  const source = join(projectDir(), 'tools/guest/memfill.c');
  const flags = [
    '-std=gnu17',
    '-O2',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-fsanitize=address,undefined',
  ];
  const { status, stderr } = spawnSync('g++', ['-x', 'c', ...flags, '-o', memfill, source], {
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  file = join(dir, 'pool');
  closeSync(openSync(file, 'w'));
  truncateSync(file, 2 * SIZE);
});
afterAll(() => rmSync(dir, { recursive: true }));

function run(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(memfill, args, { encoding: 'utf8', timeout: 60_000 });
}

describe('memfill', () => {
  it.each([
    [[]],
    [['--node', '0']],
    [['--node', '0', '--size', '4096']],
    [['--node', '0', '--size', '4095', '--seed', '1']],
    [['--node', '0', '--size', '0', '--seed', '1']],
    [['--node', '-1', '--size', '4096', '--seed', '1']],
    [['--node', '4096', '--size', '4096', '--seed', '1']],
    [['--node', '0', '--size', '0xffffffffffffffffG', '--seed', '1']],
    [['--node', '0', '--size', '1X', '--seed', '1']],
    [['--node', '0', '--size', '4096', '--seed', '1', '--write']],
    [['--node', '0', '--device', '/dev/null', '--size', '4096', '--seed', '1']],
    [['--device', '/dev/null', '--size', '4096', '--seed', '1', '--check']],
    [['--device', '/dev/null', '--offset', '0', '--size', '4096', '--seed', '1']],
    [['--device', '/dev/null', '--offset', '1', '--size', '4096', '--seed', '1', '--check']],
    [['--node', '0', '--size', '4096', '--seed', '1', 'more']],
    [['--what']],
  ])('says how it is used with %j', (args) => {
    const { status, stderr } = run(...args);
    expect(status).toBe(2);
    expect(stderr).toMatch(/usage: memfill --node/);
  });

  it('refuses a node that is not there, and more than is free', () => {
    const missing = run('--node', '1023', '--size', '4096', '--seed', '1');
    expect([missing.status, missing.stderr]).toEqual([
      1,
      expect.stringContaining('there is no node 1023 online'),
    ]);
    const much = run('--node', '0', '--size', '1048576G', '--seed', '1');
    expect([much.status, much.stderr]).toEqual([1, expect.stringContaining('KiB free, fewer')]);
  });

  /** Containers may keep programs from binding memory to nodes. */
  function mayBind(): boolean {
    return !run('--node', '0', '--size', '4K', '--seed', '1').stderr.includes('not permitted');
  }

  it('fills and verifies memory of a node', (context) => {
    if (!mayBind()) context.skip('this machine does not permit mbind');
    const { status, stdout, stderr } = run('--node', '0', '--size', '4M', '--seed', '7', '--json');
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ pages: PAGES, bytes: SIZE, seed: 7, node: 0 });
  });

  it('holds memory until its input ends', async (context) => {
    if (!mayBind()) context.skip('this machine does not permit mbind');
    const child = spawn(memfill, [
      '--node',
      '0',
      '--size',
      '1M',
      '--seed',
      '7',
      '--hold',
      '--json',
    ]);
    const said = await new Promise<string>((resolve) =>
      child.stdout.setEncoding('utf8').once('data', resolve),
    );
    expect(JSON.parse(said)).toMatchObject({ pages: MIB / 4096 });
    expect(child.exitCode).toBeNull();
    child.stdin.end();
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
  });

  const at = ['--offset', '0x400000', '--size', '4M', '--seed', '0xabc'];

  it('writes what the host recognises, page by page', async () => {
    expect(run('--device', file, ...at, '--write').status).toBe(0);
    expect(run('--device', file, ...at, '--check').status).toBe(0);
    const range = [{ start: 0n, size: BigInt(2 * SIZE) }];
    expect(await findFilledPages(file, range, { seed: 0xabcn, pages: PAGES })).toEqual({
      first: BigInt(SIZE),
      last: BigInt(2 * SIZE - 4096),
    });
    const others = findFilledPages(file, range, { seed: 0xabdn, pages: PAGES });
    await expect(others).rejects.toThrow(`of ${PAGES} pages that the program filled, 0 are`);
  });

  it('names the address of the first byte that is wrong', () => {
    expect(run('--device', file, ...at, '--write').status).toBe(0);
    const fd = openSync(file, 'r+');
    writeSync(fd, Buffer.from([0x5a]), 0, 1, SIZE + 3 * 4096 + 100);
    closeSync(fd);
    const { status, stderr } = run('--device', file, ...at, '--check');
    expect(status).toBe(1);
    expect(stderr).toMatch(/at 0x403060 \(page 3, word 12\): found 0x[0-9a-f]{16}, wanted 0x/);
  });
});
