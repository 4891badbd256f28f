import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from '../../common/cache.js';
import { SdmError } from '../../common/errors.js';
import { run } from '../../common/exec.js';
import type { Context } from './context.js';

const BUILD = 'scripts/build.mjs';
/** An installed package comes with dist/ built, and without what it was built from. */
const CHECKOUT_ONLY = 'tsconfig.json';
/** The one of scripts/setup.mjs: it builds the same. */
const LOCK = 'dist/.setup.lock';
/** What scripts/build.mjs --check ends with if dist/ is not up to date. */
const STALE = 3;
const BUILD_TIMEOUT_MS = 5 * 60_000;

/**
 * Sees to it that what guests get of dist/ is made of the sources as they are, in a checkout by
 * building it again. The process that asks goes on with the code that it began with.
 * @throws SdmError SDM_ARTIFACT: dist/ is missing from an installation; SDM_COMMAND: it cannot be
 * built (the message carries what the compiler says); SDM_TIMEOUT.
 */
export async function ensureDist(
  context: Pick<Context, 'project' | 'progress' | 'signal'>,
): Promise<void> {
  const { project, progress, signal } = context;
  if (!existsSync(join(project, CHECKOUT_ONLY))) {
    if (existsSync(join(project, 'dist/bundle'))) return;
    throw new SdmError(
      'SDM_ARTIFACT',
      `${project} has no dist/bundle, which every installation brings: install the package again.`,
    );
  }
  const stale = async (): Promise<boolean> => {
    const check: [string, ...string[]] = [process.execPath, join(project, BUILD), '--check'];
    return (await run(check, { signal, okCodes: [0, STALE] })).code === STALE;
  };
  if (!(await stale())) return;
  await mkdir(join(project, 'dist'), { recursive: true });
  const build = async (): Promise<void> => {
    // Another process may have built it while this one waited.
    if (!(await stale())) return;
    await progress.step('Build dist/ again: the sources have changed', () =>
      run([process.execPath, join(project, BUILD)], {
        cwd: project,
        signal,
        timeoutMs: BUILD_TIMEOUT_MS,
        onLine: progress.trace,
        hint: `Guests get what ${BUILD} makes. Correct the sources, and try again.`,
      }),
    );
  };
  await withLock(join(project, LOCK), 'dist/', build, { signal });
}
