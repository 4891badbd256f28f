import { existsSync, readFileSync } from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, hashFiles, hashOf } from '../../common/cache.js';
import { run } from '../../common/exec.js';
import type { PrivateApt } from './apt.js';
import type { Context } from './context.js';
import type { ArtifactOptions } from './index.js';
import { findBusybox } from './initrd.js';
import { unpackSource } from './kernel-source.js';
import { unpack, versionOf } from './kernel.js';
import { openArtifacts } from './open.js';
import { sourcePackage, type Resolution } from './resolution.js';

/** What the build is made of, in this project. There may be no patches. */
const INPUTS = ['kernel/build', 'kernel/fragments', 'kernel/patches'];
/** Minutes on two idle cores; machines are slower and busier. */
const BUILD_TIMEOUT_MS = 90 * 60_000;
/** Whoever waits for another's build waits for its sources, too. */
const FETCH_TIMEOUT_MS = 30 * 60_000;
const CCACHE_SIZE = '1G';

export interface OwnKernelOptions extends ArtifactOptions {
  /** Default 4k. */
  readonly pages?: '4k' | '16k' | '64k';
  /** With KASAN, lockdep and the rest of kernel/fragments/debug.config. */
  readonly debug?: boolean;
}

/** A kernel of this project's own; paths in the cache, never changed afterwards. */
export interface OwnKernel {
  /** What `uname -r` says. */
  readonly release: string;
  readonly image: string;
  readonly config: string;
  /** The directory for `make -C` of modules. */
  readonly headers: string;
  /** A static busybox for arm64, of which a small guest can be made. */
  readonly busybox: string;
}

/**
 * Builds a kernel of our own from Debian's sources by kernel/build, or finds it in the cache. The
 * version is that of the stock kernel that bricks boot. docs/own-kernel.md says what it is for.
 * @throws as ensureArtifacts() does.
 */
export async function ensureOwnKernel(options: OwnKernelOptions = {}): Promise<OwnKernel> {
  const { context, apt, resolution } = await openArtifacts(options);
  const dir = await ensureBuilt(context, apt, resolution, options);
  return {
    release: readFileSync(join(dir, 'release'), 'utf8').trim(),
    image: join(dir, 'Image'),
    config: join(dir, 'config'),
    headers: join(dir, 'headers'),
    busybox: await ensureBusybox(context, apt, resolution),
  };
}

async function ensureBuilt(
  context: Context,
  apt: PrivateApt,
  resolution: Resolution,
  { pages = '4k', debug = false }: OwnKernelOptions,
): Promise<string> {
  const { cache, env, progress, project, signal } = context;
  const { stdout: compiler } = await run(['aarch64-linux-gnu-gcc', '--version'], { signal });
  const args = ['--pages', pages, ...(debug ? ['--debug'] : [])];
  const inputs = INPUTS.filter((path) => existsSync(join(project, path)));
  return cached({
    cache,
    // One kind each: of a kind only the newest entries are kept.
    kind: `own-kernel-${pages}${debug ? '-debug' : ''}`,
    key: hashOf(
      versionOf(sourcePackage(resolution)),
      compiler,
      hashFiles(project, inputs),
      ...args,
    ),
    signal,
    lockTimeoutMs: BUILD_TIMEOUT_MS + FETCH_TIMEOUT_MS,
    make: async (to) => {
      const name = `Build a kernel of our own, ${pages} pages${debug ? ', for debugging' : ''}`;
      await progress.step(name, async (report) => {
        const work = join(to, 'work');
        const archive = await unpackSource(context, apt, resolution, work);
        await run([join(project, 'kernel/build'), ...args, archive, join(to, 'out')], {
          signal,
          timeoutMs: BUILD_TIMEOUT_MS,
          env: { CCACHE_DIR: join(cache, 'ccache'), CCACHE_MAXSIZE: CCACHE_SIZE, ...env },
          onLine: (line) => {
            progress.trace(line);
            if (/^[a-z]+: \d+ s$/.test(line)) report(line);
          },
        });
        await rm(work, { recursive: true });
      });
    },
  }).then((dir) => join(dir, 'out'));
}

async function ensureBusybox(
  context: Context,
  apt: PrivateApt,
  { root }: Resolution,
): Promise<string> {
  const packages = root.filter((p) => p.name === 'busybox-static');
  const dir = await cached({
    cache: context.cache,
    kind: 'busybox',
    key: hashOf('1', ...packages.map(versionOf)),
    signal: context.signal,
    make: async (to) => {
      await unpack(context, apt, packages, join(to, 'all'));
      await copyFile(findBusybox(join(to, 'all')), join(to, 'busybox'));
      await rm(join(to, 'all'), { recursive: true });
    },
  });
  return join(dir, 'busybox');
}
