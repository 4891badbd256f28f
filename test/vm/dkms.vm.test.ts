import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { run, type RunResult } from '../../src/common/exec.js';
import { projectDir } from '../../src/common/paths.js';
import {
  ensureMachineHeaders,
  type MachineHeaders,
} from '../../src/rack/artifacts/machine-headers.js';
import { scratchDir } from '../support/scratch.js';

/** No kernel of this machine has this name: DKMS must neither find nor sign for one. */
const KERNEL = '6.12.0-sdm-test';
const TOO_OLD = '6.11.9-sdm-test';
/** How dkms ends where dkms.conf rules a kernel out. */
const PASSED_OVER = 77;
const MODULES = ['sdmc', 'sdmc_mem'];

const scratch = scratchDir('dkms');
const dir = (name: string): string => join(scratch, name);
let machine: MachineHeaders;

// Boots nothing, but needs headers: of the bricks' kernel, for this machine's own architecture.
beforeAll(async () => {
  machine = await ensureMachineHeaders();
  for (const name of ['tree', 'src', `modules/${KERNEL}`]) {
    mkdirSync(dir(name), { recursive: true });
  }
});

/** Runs dkms with nothing of this machine's; as root at least to its own eyes, which it asks for. */
function dkms(...args: string[]): Promise<RunResult> {
  const root = process.getuid?.() === 0 ? [] : ['unshare', '--map-root-user'];
  const places = ['--dkmstree', dir('tree'), '--sourcetree', dir('src')];
  const [command, ...rest] = [...root, 'dkms', ...args, ...places, '--installtree', dir('modules')];
  return run([command ?? 'dkms', ...rest], {
    // All warnings. Its words are looked at.
    env: { ...process.env, KBUILD_EXTRA_WARN: '1', LC_ALL: 'C' },
    okCodes: [0, PASSED_OVER],
  });
}

/** What npm would pack of kernel/, unpacked. */
async function unpackedPackage(): Promise<string> {
  const { stdout } = await run(['npm', 'pack', '--dry-run', '--ignore-scripts', '--json'], {
    cwd: projectDir(),
  });
  const json: unknown = JSON.parse(stdout.slice(stdout.search(/^[[{]/m)));
  const [pack] = Object.values(json as Record<string, { files: { path: string }[] }>);
  const paths = (pack?.files ?? []).map(({ path }) => path);
  const to = mkdtempSync(dir('package-'));
  for (const path of paths.filter((name) => name.startsWith('kernel/'))) {
    cpSync(join(projectDir(), path), join(to, path));
  }
  return join(to, 'kernel');
}

describe('DKMS', () => {
  const build = (kernel: string, action = 'build') =>
    dkms(action, `sdm/${version()}`, '-k', kernel, '--kernelsourcedir', machine.headers);
  const version = (): string =>
    /^PACKAGE_VERSION="(.*)"$/m.exec(
      readFileSync(join(projectDir(), 'kernel/dkms.conf'), 'utf8'),
    )?.[1] ?? '';
  const installed = (name: string): string => dir(`modules/${KERNEL}/updates/dkms/${name}.ko`);

  it('takes the sources as the package brings them', async () => {
    await dkms('add', await unpackedPackage());
    expect((await dkms('status')).stdout).toContain(`sdm/${version()}: added`);
  });

  it('passes over a kernel that is too old', async () => {
    const { code, stdout, stderr } = await build(TOO_OLD);
    expect(code).toBe(PASSED_OVER);
    expect(stdout + stderr).toContain('BUILD_EXCLUSIVE');
  });

  it('builds them without a warning, for the architecture of this machine', async () => {
    expect(await build(KERNEL)).toMatchObject({ code: 0 });
    const arch = (await run(['uname', '-m'])).stdout.trim();
    const log = readFileSync(dir(`tree/sdm/${version()}/${KERNEL}/${arch}/log/make.log`), 'utf8');
    expect(log).toMatch(/LD \[M\] .*sdmc_mem\.ko/);
    expect(log.split('\n').filter((line) => /warning:/.test(line))).toEqual([]);
  });

  it('installs them, and says the version that they say', async () => {
    expect(await dkms('install', `sdm/${version()}`, '-k', KERNEL, '--no-depmod')).toMatchObject({
      code: 0,
    });
    for (const name of MODULES) {
      const field = async (key: string): Promise<string> =>
        (await run(['/usr/sbin/modinfo', '-F', key, installed(name)])).stdout.trim();
      expect(await field('version'), name).toBe(version());
      expect((await field('vermagic')).split(' ')[0], name).toBe(machine.release);
    }
  });

  it('takes them away again', async () => {
    await dkms('remove', `sdm/${version()}`, '--all', '--no-depmod');
    expect(MODULES.map(installed).filter((path) => existsSync(path))).toEqual([]);
    expect((await dkms('status')).stdout).toBe('');
  });
});

describe('compat.h', () => {
  /** Looks at it as the compiler of a kernel of that version does. */
  async function compiled(major: number, minor: number): Promise<RunResult> {
    const include = mkdtempSync(dir('include-'));
    mkdirSync(join(include, 'linux'));
    writeFileSync(
      join(include, 'linux/version.h'),
      '#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))\n' +
        `#define LINUX_VERSION_CODE KERNEL_VERSION(${major}, ${minor}, 255)\n`,
    );
    const header = join(projectDir(), 'kernel/module/compat.h');
    return run(['gcc', '-fsyntax-only', '-I', include, '-x', 'c', header], { okCodes: [0, 1] });
  }

  it('refuses a kernel that is too old, and says which are not', async () => {
    const { code, stderr } = await compiled(6, 11);
    expect(code).toBe(1);
    expect(stderr).toContain('SDM needs Linux 6.12 or newer');
  });

  it.each([
    [6, 12],
    [7, 3],
  ])('takes %i.%i', async (major, minor) => {
    expect(await compiled(major, minor)).toMatchObject({ code: 0, stderr: '' });
  });
});
