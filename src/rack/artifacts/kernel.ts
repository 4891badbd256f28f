import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cached, hashOf } from '../../common/cache.js';
import { SdmError } from '../../common/errors.js';
import { run } from '../../common/exec.js';
import type { DebianPackage, PrivateApt } from './apt.js';
import type { Context } from './context.js';
import type { Resolution } from './resolution.js';

export interface Kernel {
  readonly release: string;
  /** The uncompressed image that QEMU loads. */
  readonly image: string;
  readonly config: string;
  /** The tree of the kernel's own modules, each `.ko.xz`. */
  readonly modules: string;
}

/** Unpacks the stock kernel. */
export async function ensureKernel(
  context: Context,
  apt: PrivateApt,
  { image, kernelRelease }: Resolution,
): Promise<Kernel> {
  const dir = await cached({
    cache: context.cache,
    kind: 'kernel',
    key: hashOf('2', versionOf(image)),
    signal: context.signal,
    make: async (to) => {
      await context.progress.step(`Unpack kernel ${kernelRelease}`, async () => {
        await unpack(context, apt, [image], join(to, 'all'));
        await rename(join(to, `all/boot/vmlinuz-${kernelRelease}`), join(to, 'image'));
        await rename(join(to, `all/boot/config-${kernelRelease}`), join(to, 'config'));
        const lib = ['all/lib', 'all/usr/lib'].find((path) =>
          existsSync(join(to, path, 'modules')),
        );
        await rename(join(to, lib ?? 'all/lib', 'modules', kernelRelease), join(to, 'modules'));
        await rm(join(to, 'all'), { recursive: true });
      });
    },
  });
  return {
    release: kernelRelease,
    image: join(dir, 'image'),
    config: join(dir, 'config'),
    modules: join(dir, 'modules'),
  };
}

/**
 * Unpacks the headers.
 * @param kind of what they are in the cache.
 * @returns the directory to give to `make -C` for modules of this kernel.
 */
export async function ensureHeaders(
  context: Context,
  apt: PrivateApt,
  { headers, kernelRelease }: Pick<Resolution, 'headers' | 'kernelRelease'>,
  kind = 'headers',
): Promise<string> {
  const name = `linux-headers-${kernelRelease}`;
  const dir = await cached({
    cache: context.cache,
    kind,
    key: hashOf('1', ...headers.map(versionOf)),
    signal: context.signal,
    make: async (to) => {
      await context.progress.step(`Unpack headers of ${kernelRelease}`, async () => {
        await unpack(context, apt, headers, to);
        // The packaged one-line Makefile includes /usr/src/linux-headers-…-common/Makefile.
        const common = name.replace(/-(arm64|amd64)$/, '-common');
        await writeFile(
          join(to, 'usr/src', name, 'Makefile'),
          `include $(dir $(realpath $(lastword $(MAKEFILE_LIST))))../${common}/Makefile\n`,
        );
      });
    },
  });
  return join(dir, 'usr/src', name);
}

/**
 * Modules of the kernel by name, with all that they depend on, decompressed into a directory.
 * @returns file names in the order in which they must be inserted; what is built in is left out.
 * @throws SDM_ARTIFACT where the kernel has no such module.
 */
export async function collectModules(
  { signal }: Pick<Context, 'signal'>,
  kernel: Pick<Kernel, 'release' | 'modules'>,
  names: readonly string[],
  to: string,
): Promise<string[]> {
  const files = new Map<string, string>();
  for (const entry of await readdir(kernel.modules, { recursive: true })) {
    if (/\.ko(\.xz)?$/.test(entry)) files.set(moduleName(entry), join(kernel.modules, entry));
  }
  const builtIn = new Set(
    (await readFile(join(kernel.modules, 'modules.builtin'), 'utf8'))
      .split('\n')

      .map((line) => moduleName(line)),
  );
  await mkdir(to, { recursive: true });
  const order: string[] = [];
  const add = async (name: string): Promise<void> => {
    const file = `${name}.ko`;
    if (builtIn.has(name) || order.includes(file)) return;
    const source = files.get(name);
    if (source === undefined) {
      throw new SdmError('SDM_ARTIFACT', `Kernel ${kernel.release} has no module "${name}".`);
    }
    const path = join(to, file);
    if (source.endsWith('.xz')) {
      await copyFile(source, `${path}.xz`);
      await run(['xz', '--decompress', `${path}.xz`], {
        signal,
        hint: 'xz comes with the package xz-utils.',
      });
    } else {
      await copyFile(source, path);
    }
    for (const needed of await moduleDepends(path)) await add(needed);
    order.push(file);
  };
  for (const name of names) await add(name);
  return order;
}

/** Packages unpacked over one another, without their scripts, into a new directory. */
export async function unpack(
  context: Context,
  apt: PrivateApt,
  packages: readonly DebianPackage[],
  to: string,
): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const deb of await apt.download(packages)) {
    await run(['dpkg-deb', '--extract', deb, to], {
      signal: context.signal,
      onLine: context.progress.trace,
    });
  }
}

export function versionOf({ name, version, architecture }: DebianPackage): string {
  return `${name}:${architecture}=${version}`;
}

function moduleName(path: string): string {
  return basename(path)
    .replace(/\.ko(\.xz)?$/, '')
    .replaceAll('-', '_');
}

/** The names in `depends=` of a module's .modinfo. */
async function moduleDepends(path: string): Promise<string[]> {
  const text = (await readFile(path)).toString('latin1');
  const depends = /\0depends=([^\0]*)\0/.exec(text)?.[1] ?? '';
  return depends.split(',').filter(Boolean).map(moduleName);
}
