import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, hashFiles, hashOf } from '../../common/cache.js';
import type { PrivateApt } from './apt.js';
import type { Context } from './context.js';
import { writeCpio, type CpioEntry } from './cpio.js';
import { collectModules, unpack, versionOf, type Kernel } from './kernel.js';
import type { Resolution } from './resolution.js';

const RECIPE = '1';

/** What a guest begins with. */
export interface Beginning {
  /** A word for the cache. */
  readonly kind: string;
  /** What of the guest's files is written in this project, as it lies in the guest. */
  readonly skeleton: string;
  /** Modules of the kernel, inserted in this order before anything else. */
  readonly modules: readonly string[];
}

/**
 * Of a brick: the modules without which it does not find its /usr and its network. EROFS asks the
 * crypto layer for crc32c by name, which no module's list of dependencies shows.
 */
export const BRICK_BEGINNING: Beginning = {
  kind: 'base',
  skeleton: 'src/rack/guest/rootfs',
  modules: ['virtio_pci', 'virtio_blk', 'crc32c_generic', 'erofs', 'virtio_net'],
};

/** The part of a guest's first file system that is the same for all: busybox, modules, init. */
export async function ensureBase(
  context: Context,
  apt: PrivateApt,
  resolution: Resolution,
  kernel: Kernel,
  beginning: Beginning = BRICK_BEGINNING,
): Promise<string> {
  const busybox = resolution.root.filter((p) => p.name === 'busybox-static');
  const skeleton = join(context.project, beginning.skeleton);
  const dir = await cached({
    cache: context.cache,
    kind: beginning.kind,
    key: hashOf(
      RECIPE,
      versionOf(resolution.image),
      ...busybox.map(versionOf),
      ...beginning.modules,
      hashFiles(context.project, [beginning.skeleton]),
    ),
    signal: context.signal,
    make: async (to) => {
      await context.progress.step('Make the first file system of guests', async () => {
        const work = join(to, 'work');
        await mkdir(work);
        await unpack(context, apt, busybox, join(work, 'busybox'));
        const modules = join(work, 'modules');
        const order = await collectModules(context, kernel, beginning.modules, modules);
        await writeFile(join(modules, 'order'), order.map((name) => `${name}\n`).join(''));
        const entries: CpioEntry[] = [
          { path: '/dev/console', characterDevice: { major: 5, minor: 1 } },
          { path: '/lib', link: 'usr/lib' },
          { path: '/sbin', link: 'bin' },
          { path: '/usr', directory: true },
          {
            path: '/bin/busybox',
            mode: 0o755,
            data: await readFile(findBusybox(join(work, 'busybox'))),
          },
          ...filesBelow(modules, '/boot/modules'),
          ...filesBelow(skeleton, ''),
        ];
        await writeFile(join(to, 'base.cpio'), writeCpio(entries));
        await rm(work, { recursive: true });
      });
    },
  });
  return join(dir, 'base.cpio');
}

/** Debian 12 has it in /bin, Debian 13 in /usr/bin. */
export function findBusybox(tree: string): string {
  const candidates = ['bin/busybox', 'usr/bin/busybox'].map((name) => join(tree, name));
  const found = candidates.find((path) => statSync(path, { throwIfNoEntry: false }));
  if (found === undefined) throw new Error(`busybox-static has none of ${candidates.join(', ')}`);
  return found;
}

/** Entries for all files below a directory of the host; who may execute them is kept. */
export function filesBelow(dir: string, prefix: string): CpioEntry[] {
  const entries: CpioEntry[] = [];
  for (const entry of readdirSync(dir, { withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    const [path, target] = [join(dir, entry.name), `${prefix}/${entry.name}`];
    if (entry.isDirectory()) entries.push(...filesBelow(path, target));
    else {
      const mode = statSync(path).mode & 0o100 ? 0o755 : 0o644;
      entries.push({ path: target, mode, data: readFileSync(path) });
    }
  }
  return entries;
}
