import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { run, type RunResult } from '../../src/common/exec.js';
import { projectDir } from '../../src/common/paths.js';
import { scratchDir } from '../support/scratch.js';

const work = scratchDir('kernel-makefile');
const out = join(work, 'out');
const modules = join(work, 'root/lib/modules');

/** Instead of Kbuild: modules that say which tree made them; `made` has a line for each time. */
const KBUILD = `modules:
	for name in sdmc sdmc_mem; do echo "$(CURDIR) $(ARCH)" >$(M)/$$name/$$name.ko || exit; done
	echo $(M) >>made
`;

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** What looks like the build tree of a kernel. */
function tree(name: string, release: string, processor = 'ARM64'): string {
  const path = join(work, name);
  write(join(path, 'Makefile'), KBUILD);
  write(join(path, 'include/config/kernel.release'), release);
  write(join(path, 'include/config/auto.conf'), `CONFIG_${processor}=y\n`);
  write(join(path, 'include/generated/autoconf.h'), `#define CONFIG_${processor} 1\n`);
  write(join(path, 'made'), '');
  return path;
}

function make(target: string, kdir: string): Promise<RunResult> {
  const words = [`KDIR=${kdir}`, `OUT=${out}`, `DESTDIR=${join(work, 'root')}`];
  const kernel = join(projectDir(), 'kernel');
  return run(['make', '-C', kernel, target, ...words], { okCodes: [0, 2] });
}

const installed = (release: string): string =>
  readFileSync(join(modules, release, 'updates/sdmc_mem.ko'), 'utf8').trim();
const times = (kdir: string): number =>
  readFileSync(join(kdir, 'made'), 'utf8').split('\n').length - 1;

describe('the Makefile of the kernel modules, with one OUT for several kernels', () => {
  let first: string;
  let second: string;
  beforeAll(() => {
    first = tree('first', '6.12.1-first\n');
    second = tree('second', '6.12.1-second\n', 'X86_64');
  });

  it('installs for each kernel what was built for it', async () => {
    for (const [kdir, release, arch] of [
      [first, '6.12.1-first', 'arm64'],
      [second, '6.12.1-second', 'x86_64'],
      [first, '6.12.1-first', 'arm64'],
    ] as const) {
      expect((await make('install', kdir)).code).toBe(0);
      expect(installed(release)).toBe(`${kdir} ${arch}`);
    }
    expect([times(first), times(second)]).toEqual([2, 1]);
  });

  it('builds nothing again for the same kernel', async () => {
    await make('install', first);
    expect(times(first)).toBe(2);
  });

  it('builds again when the tree is of another build or architecture', async () => {
    write(join(first, 'Module.symvers'), '0x00000001 printk vmlinux EXPORT_SYMBOL\n');
    await make('module', first);
    expect(times(first)).toBe(3);
    tree('first', '6.12.1-first\n', 'X86_64');
    await make('install', first);
    expect(installed('6.12.1-first')).toBe(`${first} x86_64`);
  });

  it('installs nowhere where the tree does not say which kernel it is', async () => {
    rmSync(modules, { recursive: true });
    write(join(second, 'include/config/kernel.release'), '');
    const { code, stderr } = await make('install', second);
    expect(code).toBe(2);
    expect(stderr).toContain('does not name the kernel');
    expect(() => readFileSync(join(modules, 'updates/sdmc.ko'))).toThrow('ENOENT');
  });

  it.each(['module', 'install', 'sparse'])('%s says when KDIR is no build tree', async (target) => {
    const { code, stderr } = await make(target, join(work, 'nowhere'));
    expect(code).toBe(2);
    expect(stderr).toContain('KDIR is no build tree: in Debian, apt-get install linux-headers-');
  });
});
