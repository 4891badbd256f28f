import { cp, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cached, hashFiles, hashOf } from '../../common/cache.js';
import { SdmError } from '../../common/errors.js';
import { run } from '../../common/exec.js';
import type { Context } from './context.js';

const SOURCES = 'kernel/module';
const BUILD_TIMEOUT_MS = 10 * 60_000;

/**
 * Builds the kernel modules of this project against the headers of the guest's kernel.
 * @param headers the directory that ensureHeaders() gave.
 * @returns the directory with the `.ko` files.
 */
export async function ensureModule(context: Context, headers: string): Promise<string> {
  const { cache, progress, project, signal } = context;
  return cached({
    cache,
    kind: 'module',
    key: hashOf('1', headers, hashFiles(project, [SOURCES], isSource)),
    signal,
    make: async (to) => {
      await progress.step('Build the kernel module', async () => {
        const work = join(to, 'work');
        await cp(join(project, SOURCES), work, {
          recursive: true,
          filter: (path) => isSource(path),
        });
        // Without this override and without pahole, kbuild deletes the finished module.
        await run(
          ['make', '-C', headers, `M=${work}`, 'CONFIG_DEBUG_INFO_BTF_MODULES=', 'modules'],
          {
            signal,
            timeoutMs: BUILD_TIMEOUT_MS,
            onLine: progress.trace,
          },
        );
        const built = (await readdir(work, { recursive: true })).filter((path) =>
          path.endsWith('.ko'),
        );
        if (!built.some((path) => basename(path) === 'sdmc_mem.ko')) {
          throw new SdmError(
            'SDM_ARTIFACT',
            `make in ${SOURCES} ended well but left no sdmc_mem.ko. Its Kbuild must name it in obj-m.`,
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

/** What a build inside the tree may have left there neither counts nor goes along. */
function isSource(path: string): boolean {
  return !/(\.(o|ko|mod|mod\.c|cmd|d)|\/(Module\.symvers|modules\.order))$/.test(path);
}
