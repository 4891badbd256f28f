import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, hashOf } from '../../common/cache.js';
import { SdmError } from '../../common/errors.js';
import { run } from '../../common/exec.js';
import type { PrivateApt } from './apt.js';
import type { Context } from './context.js';
import { unpack, versionOf } from './kernel.js';
import { SOURCE_PACKAGE, sourcePackage, type Resolution } from './resolution.js';

/** What of the sources looks at those of modules: `KSRC` of kernel/Makefile. */
const SCRIPTS: readonly string[] = [
  'scripts/checkpatch.pl',
  'scripts/spelling.txt',
  'scripts/const_structs.checkpatch',
  'scripts/kernel-doc',
  'scripts/coccinelle',
];
const UNPACK_TIMEOUT_MS = 10 * 60_000;

/**
 * Fetches and unpacks the package.
 * @param to a directory that is not there yet; 160 MB go there.
 * @returns the path of the archive with the sources.
 */
export async function unpackSource(
  context: Context,
  apt: PrivateApt,
  resolution: Resolution,
  to: string,
): Promise<string> {
  await unpack(context, apt, [sourcePackage(resolution)], to);
  const archive = join(to, 'usr/src', `${SOURCE_PACKAGE}.tar.xz`);
  if (!existsSync(archive)) {
    throw new SdmError(
      'SDM_ARTIFACT',
      `${versionOf(sourcePackage(resolution))} has no /usr/src/${SOURCE_PACKAGE}.tar.xz.`,
    );
  }
  return archive;
}

/**
 * The scripts by which the kernel checks sources (checkpatch, kernel-doc, coccinelle), of the same
 * version as the stock kernel.
 * @returns the directory for `make -C kernel check KSRC=`.
 */
export async function ensureKernelScripts(
  context: Context,
  apt: PrivateApt,
  resolution: Resolution,
): Promise<string> {
  return cached({
    cache: context.cache,
    kind: 'kernel-scripts',
    key: hashOf('1', versionOf(sourcePackage(resolution)), ...SCRIPTS),
    signal: context.signal,
    make: async (to) => {
      await context.progress.step('Unpack the scripts of the kernel’s sources', async () => {
        const work = join(to, 'work');
        const archive = await unpackSource(context, apt, resolution, work);
        await mkdir(join(to, 'scripts'));
        const members = SCRIPTS.map((path) => `${SOURCE_PACKAGE}/${path}`);
        await run(['tar', '-xf', archive, '-C', to, '--strip-components=1', ...members], {
          signal: context.signal,
          timeoutMs: UNPACK_TIMEOUT_MS,
        });
        await rm(work, { recursive: true });
        if ((await readdir(join(to, 'scripts'))).length < SCRIPTS.length) {
          throw new SdmError('SDM_ARTIFACT', `${archive} lacks some of ${SCRIPTS.join(', ')}.`);
        }
      });
    },
  });
}
