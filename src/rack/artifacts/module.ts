import { statSync } from 'node:fs';
import { cp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { cached, hashFiles, hashOf } from '../../common/cache.js';
import { SdmError } from '../../common/errors.js';
import { run } from '../../common/exec.js';
import type { Context } from './context.js';

const SOURCES = 'kernel/module';
const BUILD_TIMEOUT_MS = 10 * 60_000;
/** What a build looks at: no descriptions of attributes, nothing that a build in the tree left. */
const MATTERS = /((?<!\.mod)\.[ch]|\/Kbuild)$/;
/** Those of bricks; Debian's headers bring the words themselves, a kernel's own build tree does not. */
const TARGET: readonly string[] = ['ARCH=arm64', 'CROSS_COMPILE=aarch64-linux-gnu-'];

/**
 * Builds the kernel modules of this project for a brick's kernel.
 * @param headers the directory for `make -C`, such as ensureHeaders() gives.
 * @returns the directory with the `.ko` files.
 */
export async function ensureModule(context: Context, headers: string): Promise<string> {
  const { cache, progress, project, signal } = context;
  return cached({
    cache,
    kind: 'module',
    key: hashOf(
      '2',
      headers,
      hashFiles(project, [SOURCES], (path) => MATTERS.test(path)),
    ),
    signal,
    make: async (to) => {
      await progress.step('Build the kernel modules', async () => {
        const work = join(to, 'work');
        await cp(join(project, SOURCES), work, {
          recursive: true,
          filter: (path) => MATTERS.test(path) || statSync(path).isDirectory(),
        });
        // Without this override and without pahole, kbuild deletes the finished module.
        const make = ['make', `-j${availableParallelism()}`, '-C', headers, `M=${work}`] as const;
        await run([...make, ...TARGET, 'CONFIG_DEBUG_INFO_BTF_MODULES=', 'modules'], {
          signal,
          timeoutMs: BUILD_TIMEOUT_MS,
          onLine: progress.trace,
        });
        const built = (await readdir(work, { recursive: true })).filter((path) =>
          path.endsWith('.ko'),
        );
        const kbuild = await readFile(join(work, 'Kbuild'), 'utf8');
        for (const name of moduleDirectories(kbuild)) {
          if (built.some((path) => basename(path) === `${name}.ko`)) continue;
          throw new SdmError(
            'SDM_ARTIFACT',
            `make in ${SOURCES} ended well but left no ${name}.ko. The Kbuild in ${name}/ must name ` +
              'it in obj-m.',
          );
        }
        for (const path of built) {
          await run(['aarch64-linux-gnu-strip', '--strip-debug', join(work, path)], { signal });
          await rename(join(work, path), join(to, basename(path)));
        }
        await rm(work, { recursive: true });
      });
    },
  });
}

/** The directories, each of a module of its name, that the upper Kbuild goes into. */
function moduleDirectories(kbuild: string): string[] {
  const list = /^obj-m *:?\+?= *(.*)$/m.exec(kbuild)?.[1] ?? '';
  return list.split(/\s+/).map((name) => name.replace(/\/$/, ''));
}
