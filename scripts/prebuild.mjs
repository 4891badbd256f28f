// Builds the addon for each architecture that a package brings it for, before `npm pack`:
// prebuilds/linux-x64 and linux-arm64. One that cannot be built here is left out, and said: where it
// would be used, the installation compiles it instead.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure, runScript } from './lib/failure.mjs';
import { prebuilt, prebuiltArchitectures } from './lib/prebuilt.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const TIMEOUT_MS = 20 * 60_000;

/** @returns why it could not be built; undefined: it is there. */
function build(arch) {
  const out = dirname(prebuilt(root, arch));
  const host = arch === process.arch;
  if (!host && arch !== 'arm64') return `no cross compiler for ${arch} is known here`;
  mkdirSync(out, { recursive: true });
  const script = join(root, 'scripts/build-addon.mjs');
  const args = host ? ['--out', out] : ['--arch', arch, '--out', out];
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: root,
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  });
  if (status === 0) return undefined;
  // What an earlier run left is of other sources.
  rmSync(out, { recursive: true });
  return `${stdout}${stderr}`.trim();
}

function main() {
  const failed = prebuiltArchitectures.filter((arch) => {
    const why = build(arch);
    if (why !== undefined) {
      console.error(`${why}\nThe package is made without the addon for linux-${arch}.`);
    }
    return why !== undefined;
  });
  if (failed.includes(process.arch)) {
    throw new Failure(`The addon for this machine (linux-${process.arch}) cannot be built.`);
  }
}

await runScript(main);
