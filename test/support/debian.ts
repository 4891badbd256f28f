import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cached, hashOf } from '../../src/common/cache.js';
import { run } from '../../src/common/exec.js';
import { cacheDir } from '../../src/common/paths.js';
import { ensureDebian } from '../../src/rack/artifacts/debian.js';
import type { Rack } from '../../src/rack/index.js';
import { installPackage, packPackage } from './package.js';
import { testRack } from './rack.js';

const MIB = 1n << 20n;
const LAYER = 'usr-local.erofs';

/**
 * One machine with Debian's systemd, on which the package of this project is installed as npm installs
 * it for all users: on the host, into what becomes the machine's /usr/local, for its architecture. npm
 * itself would take an emulated CPU minutes.
 * @param scratch an empty directory of the caller's.
 * @returns or why there is no network for it.
 */
export async function debianRack(name: string, scratch: string): Promise<Rack | string> {
  const { path } = await packPackage(scratch);
  let offline: string | undefined;
  const layer = await cached({
    cache: cacheDir(),
    kind: 'npm-layer',
    key: hashOf('1', readFileSync(path)),
    make: async (to) => {
      const tree = join(to, 'tree');
      mkdirSync(join(tree, 'usr/local'), { recursive: true });
      const npmArgs = ['--os=linux', '--cpu=arm64'];
      offline = await installPackage(path, join(tree, 'usr/local'), { npmArgs });
      if (offline !== undefined) throw new Error(offline);
      await run(['mkfs.erofs', '--quiet', '--all-root', '-T0', '-x-1', join(to, LAYER), tree]);
      rmSync(tree, { recursive: true });
    },
  }).catch((error: unknown) => {
    if (offline === undefined) throw error;
    return undefined;
  });
  if (layer === undefined) return offline ?? '';
  return testRack(name, {
    bricks: 1,
    poolSize: 1024n * MIB,
    disk: 1024n * MIB,
    artifacts: await ensureDebian(),
    extra: [{ path: `/brick/layers/${LAYER}`, data: readFileSync(join(layer, LAYER)) }],
    bootTimeoutMs: 240_000,
  });
}
