// Runs when npm installs the package: sees to it that there is an addon that this node loads. The one
// that the package brings is taken as it lies; where there is none, or it does not load (another
// architecture, another C library), it is compiled. Needs nothing of node_modules for the former.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runScript } from './lib/failure.mjs';
import { prebuilt } from './lib/prebuilt.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const LOAD_TIMEOUT_MS = 60_000;

/** @returns why it does not load; undefined: it does. In a process of its own: it may crash. */
function whyNot(file) {
  const { status, signal, stderr } = spawnSync(
    process.execPath,
    ['-e', 'require(process.argv[1])', file],
    {
      encoding: 'utf8',
      timeout: LOAD_TIMEOUT_MS,
    },
  );
  if (status === 0) return undefined;
  return /^\w*Error: (.*)$/m.exec(stderr)?.[1] ?? `ended with ${status ?? signal}`;
}

async function main() {
  // In a clone it is made of the sources that are there, whatever was packed of earlier ones.
  if (existsSync(join(root, 'tsconfig.json'))) return import('./build-addon.mjs');
  // npm is told so when it installs for another machine, whose node cannot be asked.
  const arch = process.env.npm_config_cpu || process.arch;
  const file = prebuilt(root, arch);
  if (existsSync(file)) {
    if (arch !== process.arch) return;
    const why = whyNot(file);
    if (why === undefined) return;
    console.error(`The addon that the package brings does not load here (${why}); compiling it.`);
  } else if (arch !== process.arch) {
    console.error(
      `The package brings no addon for linux-${arch}: build it there, with ` +
        'node scripts/build-addon.mjs',
    );
    return;
  }
  await import('./build-addon.mjs');
}

await runScript(main);
