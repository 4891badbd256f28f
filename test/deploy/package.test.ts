import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { exchange } from '../../src/common/http.js';
import { ADDON_SOURCES } from '../../src/rack/artifacts/payload.js';
import { installPackage, packPackage, type Packed } from '../support/package.js';
import { finished, startProgram } from '../support/cli.js';
import { scratchDir } from '../support/scratch.js';

const SLOW_MS = 15 * 60_000;
/** What the package weighs; the README says "2 MB". */
const SIZE_MAX = 2_000_000;

const scratch = scratchDir('package');
const prefix = join(scratch, 'usr-local');
const program = join(prefix, 'bin/sdm-agent');
const installed = join(prefix, 'lib/node_modules/sdm');
let packed: Packed;
let offline: string | undefined;

/** A machine's PATH with what npm and its scripts need, and without compilers. */
function bareEnvironment(): NodeJS.ProcessEnv {
  const bin = join(scratch, 'bin');
  mkdirSync(bin);
  for (const name of ['node', 'npm', 'sh', 'env']) {
    const found = (process.env['PATH'] ?? '')
      .split(delimiter)
      .map((dir) => join(dir, name))
      .find((path) => spawnSync('test', ['-x', path]).status === 0);
    symlinkSync(found ?? process.execPath, join(bin, name));
  }
  return { ...process.env, PATH: bin };
}

const env = bareEnvironment();
const agent = (...args: string[]) => finished(startProgram(program, args, env));

beforeAll(async () => {
  packed = await packPackage(scratch);
  offline = await installPackage(packed.path, prefix, { env });
}, SLOW_MS);

describe('the package', () => {
  const paths = (): string[] => packed.files.map(({ path }) => path);

  it('brings the addon for this machine, ready-made', () => {
    expect(paths()).toContain(`prebuilds/linux-${process.arch}/sdm_native.node`);
  });

  it('has all that a machine runs and builds parts of', () => {
    const has = (path: string): boolean =>
      paths().some((file) => file === path || file.startsWith(`${path}/`));
    const needed = [
      ...ADDON_SOURCES,
      'bin/sdm',
      'bin/sdm-agent',
      'dist/bundle',
      'dist/src/cli/sdm.js',
      'deploy/systemd/sdm-agent.service',
      'deploy/udev/60-sdm.rules',
      'deploy/sysusers.d/sdm.conf',
      'docs/service.md',
      'kernel/Makefile',
      'kernel/dkms.conf',
      'kernel/module/compat.h',
      'kernel/module/sdmc/main.c',
      'kernel/module/sdmc_mem/main.c',
      'qemu-patches/build',
      'qemu-patches/devices/aarch64.mak',
      'qemu-patches/run-tests',
      'qemu-patches/10.0/series',
      'scripts/code-cache.mjs',
      'scripts/install-addon.mjs',
      'src/rack/guest',
      'tools/guest',
      'LICENSE',
      'kernel/COPYING',
      'qemu-patches/COPYING',
    ];
    expect(needed.filter((path) => !has(path))).toEqual([]);
  });

  it('has nothing else', () => {
    const top = new Set(paths().map((path) => path.split('/').slice(0, 2).join('/')));
    const wanted =
      /^(bin|clients|deploy|docs|man|qemu-patches|tools)\/|^dist\/(bundle|src)$|^kernel\/(bindings|build|COPYING|dkms\.conf|fragments|Makefile|module)$|^native\/(abi|cmake|src)$|^prebuilds\/linux-\w+$|^scripts\/[\w-]+(\.mjs)?$|^src\/rack$|^[^/]+$/;
    expect([...top].filter((path) => !wanted.test(path))).toEqual([]);
    const junk = /(^|\/)(test|tests|fuzz|node_modules|cache)\/|\.(o|ko|cmd|stamp|log|tgz|map)$/;
    expect(paths().filter((path) => junk.test(path))).toEqual([]);
  });

  it(`is not larger than ${SIZE_MAX / 1e6} MB`, () => {
    expect(packed.size).toBeLessThan(SIZE_MAX);
  });
});

describe('on a machine without compilers', () => {
  it('is installed, without what only developers need', (context) => {
    if (offline !== undefined) context.skip(offline);
    const names = ['typescript', 'vitest', 'cmake-js'].map((name) =>
      join(installed, 'node_modules', name),
    );
    expect(names.filter((path) => spawnSync('test', ['-e', path]).status === 0)).toEqual([]);
  });

  it('says its version and what the machine has', async (context) => {
    if (offline !== undefined) context.skip(offline);
    expect(await agent('--version')).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' });
    expect((await agent('probe')).stdout).toMatch(/^brick +/);
    expect((await agent('service', 'install', '--root', scratch, '--dry-run')).stdout).toContain(
      'write   /etc/systemd/system/sdm-agent.service',
    );
  });

  it('serves a brick of files', async (context) => {
    if (offline !== undefined) context.skip(offline);
    const [registers, pool, socket] = ['registers', 'pool', 'socket'].map((name) =>
      join(scratch, name),
    ) as [string, string, string];
    writeFileSync(pool, '');
    truncateSync(pool, 64 << 20);
    const config = join(scratch, 'agent.json');
    const brick = {
      brick: 'b',
      registers: { backend: 'file', path: registers },
      pool: { path: pool },
      shares: [{ start: '0x200000', size: '0x3e00000' }],
      socket,
      stateDir: join(scratch, 'state'),
    };
    writeFileSync(config, JSON.stringify(brick));
    expect(await agent('registers', 'format', registers, '--pool', pool)).toMatchObject({
      code: 0,
    });

    const serving = startProgram(program, ['serve', '--config', config], env);
    const ended = finished(serving);
    await new Promise<void>((ready, fail) => {
      serving.stdout?.once('data', () => ready());
      void ended.then(({ stderr }) => fail(new Error(stderr)));
    });
    const answer = await exchange({ socketPath: socket, path: '/healthz' });
    expect(answer.status).toBe(200);
    const attach = ['attach', '--socket', socket, '--mode', 'device', '--size', '4M', '--id', 'a'];
    expect(await agent(...attach)).toMatchObject({ code: 0, stderr: '' });
    expect(await agent('detach', 'a', '--socket', socket)).toMatchObject({ code: 0 });
    serving.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0 });
  });

  it('says what compiling needs where the addon that it brings does not load', async (context) => {
    if (offline !== undefined) context.skip(offline);
    const brought = join(installed, `prebuilds/linux-${process.arch}/sdm_native.node`);
    const script = join(installed, 'scripts/install-addon.mjs');
    const install = () => finished(startProgram('node', [script], env));
    expect(await install()).toEqual({ code: 0, stdout: '', stderr: '' });

    writeFileSync(brought, 'of another machine');
    const refused = await install();
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('does not load here');
    expect(refused.stderr).toContain('apt-get install g++ make python3');

    rmSync(brought);
    expect(await install()).toMatchObject({ code: 1 });
    expect(await agent('probe', '--direct')).toMatchObject({
      stderr: expect.stringContaining('SDM_ADDON'),
    });
  });
});
