import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, hashOf } from '../../common/cache.js';
import { SdmError } from '../../common/errors.js';
import { run } from '../../common/exec.js';
import type { PrivateApt } from './apt.js';
import type { Context } from './context.js';
import { unpack, versionOf } from './kernel.js';
import { ensureNode } from './node.js';
import type { Resolution } from './resolution.js';

/** Raised when the way the image is made changes. */
const RECIPE = '1';
/** What no program of the guest reads. */
export const DROPPED: readonly string[] = [
  'share/doc',
  'share/man',
  'share/locale',
  'share/lintian',
  'share/bug',
];
/** Programs whose libraries must all be in the image. */
const PROGRAMS = [
  'bin/node',
  'sbin/sshd',
  'lib/openssh/sshd-session',
  'lib/openssh/sshd-auth',
  'lib/openssh/sftp-server',
];

/**
 * The guest's /usr as one read-only EROFS image, uncompressed, so that a guest reads of it only what
 * it uses and all guests share the host's page cache. mkfs makes every file root's.
 */
export async function ensureRoot(
  context: Context,
  apt: PrivateApt,
  { root }: Resolution,
): Promise<string> {
  const node = await ensureNode(context);
  const dir = await cached({
    cache: context.cache,
    kind: 'root',
    key: hashOf(RECIPE, node, ...root.map(versionOf)),
    signal: context.signal,
    make: async (to) => {
      await context.progress.step('Make the guest root', async () => {
        const tree = join(to, 'tree');
        await unpack(context, apt, root, tree);
        const usr = join(tree, 'usr');
        // Debian 12 still packs some libraries below /lib.
        for (const name of ['bin', 'sbin', 'lib']) merge(join(tree, name), join(usr, name));
        for (const name of DROPPED) rmSync(join(usr, name), { recursive: true, force: true });
        await copyFile(node, join(usr, 'bin/node'));
        await checkLibraries(context, usr);
        await run(
          ['mkfs.erofs', '--quiet', '--all-root', '-T0', '-x-1', join(to, 'usr.erofs'), usr],
          { signal: context.signal, onLine: context.progress.trace },
        );
        rmSync(tree, { recursive: true });
      });
    },
  });
  return join(dir, 'usr.erofs');
}

/** Moves all that is in one directory into another, keeping what is there. */
export function merge(from: string, into: string): void {
  if (lstatSync(from, { throwIfNoEntry: false }) === undefined) return;
  mkdirSync(into, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(into, entry.name)];
    if (entry.isDirectory()) merge(source, target);
    else renameSync(source, target);
  }
  rmSync(from, { recursive: true });
}

/** A library that no package brought would show only as a guest that does not come up. */
async function checkLibraries(context: Context, usr: string): Promise<void> {
  const libraries = new Set<string>();
  for (const dir of ['lib', 'lib/aarch64-linux-gnu']) {
    for (const name of await readdir(join(usr, dir))) libraries.add(name);
  }
  const needed = async (path: string): Promise<string[]> => {
    const { stdout } = await run(['aarch64-linux-gnu-readelf', '--dynamic', path], {
      signal: context.signal,
    });
    return [...stdout.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map((match) => match[1] ?? '');
  };
  const seen = new Set<string>();
  const check = async (path: string, by: string): Promise<void> => {
    for (const name of await needed(path)) {
      if (seen.has(name)) continue;
      seen.add(name);
      if (!libraries.has(name)) {
        throw new SdmError(
          'SDM_ARTIFACT',
          `${by} needs ${name}, which no package of the guest root brings. Debian may have renamed ` +
            'its package: see BRICK_PACKAGES in src/rack/artifacts/resolution.ts.',
        );
      }
      const library = ['lib/aarch64-linux-gnu', 'lib']
        .map((dir) => join(usr, dir, name))
        .find((file) => lstatSync(file, { throwIfNoEntry: false }));
      if (library) await check(library, name);
    }
  };
  for (const program of PROGRAMS) {
    const path = join(usr, program);
    if (lstatSync(path, { throwIfNoEntry: false })) await check(path, program);
  }
}
