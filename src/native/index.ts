import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import bindings from 'bindings';
import { SdmError } from '../common/errors.js';
import { projectDir } from '../common/paths.js';
import type { Native } from './types.js';

export * from './types.js';

const NAME = 'sdm_native';

/** What was compiled where it is, and what a package brings; scripts/lib/prebuilt.mjs says the same. */
const BUILT = `build/Release/${NAME}.node`;
const PREBUILT = `prebuilds/linux-${process.arch}/${NAME}.node`;

/** The nearest directory above this file with one of these: a checkout, an installation or a guest. */
function moduleRoot(): { readonly directory: string; readonly file: string } {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let directory = start; ; directory = dirname(directory)) {
    const file = [BUILT, PREBUILT].find((path) => existsSync(join(directory, path)));
    if (file !== undefined) return { directory, file };
    if (directory === dirname(directory)) throw new Error(`no ${BUILT} and no ${PREBUILT}`);
  }
}

/** Works in a checkout and in an installed package, whose scripts npm may not have run. */
function howToBuild(): string {
  const script = join(projectDir(), 'scripts/build-addon.mjs');
  return existsSync(script) ? `build it: node ${script}` : 'there are no sources of it here';
}

/** The only place that knows how the addon is found. $SDM_NATIVE may name the file. */
function load(): Native {
  const named = process.env.SDM_NATIVE;
  try {
    if (named) return createRequire(import.meta.url)(resolve(named)) as Native;
    const { directory, file } = moduleRoot();
    if (file === PREBUILT) return createRequire(import.meta.url)(join(directory, file)) as Native;
    return bindings({ bindings: NAME, module_root: directory });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const todo = named ? 'SDM_NATIVE names it: build it there' : howToBuild();
    throw new SdmError('SDM_ADDON', `the addon cannot be loaded (${why}); ${todo}`, { cause });
  }
}

export const native: Native = load();
