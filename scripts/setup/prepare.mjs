// The steps of set-up, in order. Each does nothing when there is nothing to do.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { installPackages } from './packages.mjs';
import { cacheDir, proxied, run, SetupError, step, trace } from './steps.mjs';

export { SetupError } from './steps.mjs';

const NPM_MINUTES = 20;
const ADDON_MINUTES = 20;
const BUILD_MINUTES = 10;
const GIB = 1024 ** 3;
/** The version of package.json's "engines". */
const MIN_NODE = [20, 19];
const DEBIAN = ['12', '13'];
/** Kernel, guest root, Debian packages and lists; measured 0.9 GiB, and a newer kernel beside it. */
const CACHE_BYTES = 2 * GIB;
/** node_modules and what is built. */
const PROJECT_BYTES = 0.5 * GIB;
/** The pool of two bricks. */
const POOL_BYTES = 4 * GIB;

/** Makes everything ready in `project`. @throws {SetupError} with a sentence on what to do. */
export async function prepare(project) {
  await step('Check this machine', () => checkMachine(project));
  await step('Debian packages', () => installPackages());
  await step('npm packages', () => installNpmPackages(project));
  await step('Addon', async () => {
    await run([process.execPath, join(project, 'scripts/build-addon.mjs')], {
      environment: proxied,
      minutes: ADDON_MINUTES,
    });
  });
  await step('TypeScript', async () => {
    const said = await run([process.execPath, join(project, 'scripts/build.mjs')], {
      minutes: BUILD_MINUTES,
    });
    return said.includes('up to date') ? 'up to date' : '';
  });
}

function checkMachine(project) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < MIN_NODE[0] || (major === MIN_NODE[0] && minor < MIN_NODE[1])) {
    throw new SetupError(
      `Node ${process.versions.node} is too old: ${MIN_NODE.join('.')} or newer is needed. ` +
        'Debian 13 has it as nodejs; for Debian 12 take it from nodejs.org.',
    );
  }
  const system = readSystem();
  if (system.ID !== 'debian' || !DEBIAN.includes(system.VERSION_ID)) {
    throw new SetupError(
      `This is ${system.PRETTY_NAME ?? 'an unknown system'}; set-up knows Debian 12 and 13. The ` +
        'bricks run a Debian kernel, which it fetches by the apt sources of this machine, and the ' +
        'tools it installs are listed with their reasons in scripts/debian-packages.json. A ' +
        'container or virtual machine with Debian will do: neither KVM nor a special kernel is needed.',
    );
  }
  const warm = existsSync(join(cacheDir, 'root')) && existsSync(join(cacheDir, 'kernel'));
  requireSpace(
    cacheDir,
    warm ? CACHE_BYTES / 2 : CACHE_BYTES,
    'set ARTDIR to a directory with more',
  );
  requireSpace(project, PROJECT_BYTES, 'or clone the project to where there is more');
  const shm = freeBytes('/dev/shm');
  if (shm < POOL_BYTES) {
    // Only an emulated rack needs it, and it checks for what it really takes.
    console.log(
      `  note: /dev/shm has ${gib(shm)} free; the pool of two bricks takes ${gib(POOL_BYTES)} of it. ` +
        'More: mount -o remount,size=6G /dev/shm',
    );
  }
  return `Node ${process.versions.node}, Debian ${system.VERSION_ID}`;
}

function readSystem() {
  const text = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return Object.fromEntries(
    [...text.matchAll(/^(\w+)="?([^"\n]*)"?$/gm)].map((match) => [match[1], match[2]]),
  );
}

function freeBytes(path) {
  let dir = path;
  while (!existsSync(dir)) dir = dirname(dir);
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize;
}

function requireSpace(path, bytes, advice) {
  const free = freeBytes(path);
  trace(`${path}: ${gib(free)} free, ${gib(bytes)} needed`);
  if (free >= bytes) return;
  throw new SetupError(
    `${path} has ${gib(free)} free, but ${gib(bytes)} are needed there. Free some, ${advice}.`,
  );
}

function gib(bytes) {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}

async function installNpmPackages(project) {
  const wanted = createHash('sha256')
    .update(readFileSync(join(project, 'package-lock.json')))
    .digest('hex');
  const stamp = join(project, 'node_modules/.sdm-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8').trim() === wanted) return 'up to date';
  await run(['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', project], {
    environment: proxied,
    minutes: NPM_MINUTES,
    hint: 'npm must reach its registry; http_proxy or PROXY names a proxy.',
  });
  writeFileSync(stamp, wanted);
  return 'installed from the lock file';
}
