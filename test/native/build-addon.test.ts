import { spawnSync } from 'node:child_process';
import { constants, copyFileSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeScratch, ROOT } from './support.js';

const scratch = makeScratch();

function build(args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
  return spawnSync(process.execPath, [join(ROOT, 'scripts/build-addon.mjs'), ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    env,
    timeout: 25_000,
  });
}

describe('build-addon.mjs', () => {
  test.each([
    [['--arch', 'arm64'], '--out'],
    [['--arch', 'riscv64', '--out', scratch], 'riscv64'],
    [['--unknown'], '--unknown'],
    [['--arch', 'arm64', '--out', scratch, '--node-headers', scratch], 'node_api.h'],
  ])('refuses %j', (args, named) => {
    const { status, stdout, stderr } = build(args);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain(named);
    expect(stderr).not.toContain('    at ');
    expect(readdirSync(scratch)).toEqual([]);
  });

  test('does nothing, and says nothing, when nothing changed', () => {
    const addon = join(ROOT, 'build/Release/sdm_native.node');
    expect(build([])).toMatchObject({ status: 0, stdout: '', stderr: '' });
    const { ino, mtimeMs } = statSync(addon);
    expect(build([])).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(statSync(addon)).toMatchObject({ ino, mtimeMs });
  });

  test('downloads no headers where node came without them', { timeout: 240_000 }, () => {
    // A node that lies alone, as Debian's does without libnode-dev; nothing can be reached.
    const node = join(scratch, 'prefix/bin/node');
    mkdirSync(dirname(node), { recursive: true });
    copyFileSync(process.execPath, node, constants.COPYFILE_FICLONE);
    const nowhere = 'http://127.0.0.1:9';
    const env = { ...process.env, HOME: scratch, http_proxy: nowhere, https_proxy: nowhere };
    const out = join(scratch, 'host');
    const script = join(ROOT, 'scripts/build-addon.mjs');
    const built = spawnSync(node, [script, '--out', out], { encoding: 'utf8', env });
    expect(built).toMatchObject({ status: 0, stdout: '', stderr: '' });
    const load = `console.log(Object.keys(require(${JSON.stringify(join(out, 'sdm_native.node'))})))`;
    expect(spawnSync(node, ['-e', load], { encoding: 'utf8' }).stdout).toContain('openRegisters');
    rmSync(join(scratch, 'prefix'), { recursive: true });
  });

  test('shows the log of a build that fails, names the packages and leaves nothing', () => {
    const out = join(scratch, 'arm64');
    // A machine without compilers.
    const env = { ...process.env, PATH: join(scratch, 'nothing') };
    const { status, stderr } = build(['--arch', 'arm64', '--out', out], env);
    expect(status).toBe(1);
    expect(stderr).toMatch(/cmake/i);
    expect(stderr).toContain('apt-get install g++-aarch64-linux-gnu');
    expect(readdirSync(out)).toEqual([]);
  });
});
