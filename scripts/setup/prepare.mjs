// The steps of set-up, in order. Each does nothing when there is nothing to do.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { installPackages, missingPackages } from './packages.mjs';
import { cacheDir, proxied, run, SetupError, step, trace } from './steps.mjs';

export { SetupError } from './steps.mjs';

const NPM_MINUTES = 20;
const ADDON_MINUTES = 20;
const BUILD_MINUTES = 10;
const GIB = 1024 ** 3;
/** The version of package.json's "engines". */
const MIN_NODE = [20, 19];
const DEBIAN = ['12', '13'];
/**
 * Kernel, guest root, Debian packages and lists: measured 0.9 GiB, and a newer kernel beside it; and
 * while a kernel of our own is built, 1.3 GiB.
 */
const CACHE_BYTES = 3.5 * GIB;
/** node_modules and what is built. */
const PROJECT_BYTES = 0.5 * GIB;
/** Debian's compilers, QEMU and the rest: measured 0.95 GiB on a bare system, and the archives. */
const PACKAGES_BYTES = 1.25 * GIB;
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

async function checkMachine(project) {
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
  requireSpace([
    {
      path: cacheDir,
      bytes: warm ? CACHE_BYTES / 2 : CACHE_BYTES,
      advice: 'set ARTDIR to a directory with more',
    },
    { path: project, bytes: PROJECT_BYTES, advice: 'clone the project to where there is more' },
    ...((await missingPackages()).length > 0
      ? [{ path: '/usr', bytes: PACKAGES_BYTES, advice: 'make room for Debian packages' }]
      : []),
  ]);
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

/** The directory, or the one that it will be made in. */
function existing(path) {
  let dir = path;
  while (!existsSync(dir)) dir = dirname(dir);
  return dir;
}

function freeBytes(path) {
  const { bavail, bsize } = statfsSync(existing(path));
  return bavail * bsize;
}

/** Needs on one file system are added up. */
function requireSpace(needs) {
  const devices = new Map();
  for (const need of needs) {
    const { dev } = statSync(existing(need.path));
    devices.set(dev, [...(devices.get(dev) ?? []), need]);
  }
  for (const group of devices.values()) {
    const bytes = group.reduce((sum, need) => sum + need.bytes, 0);
    const free = freeBytes(group[0].path);
    const paths = group.map((need) => need.path).join(', ');
    trace(`${paths}: ${gib(free)} free, ${gib(bytes)} needed`);
    if (free >= bytes) continue;
    throw new SetupError(
      `${paths}: ${gib(free)} free, but ${gib(bytes)} are needed there. Free some, or ` +
        `${group.map((need) => need.advice).join(', or ')}.`,
    );
  }
}

function gib(bytes) {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}

/** Whether what npm says it has installed is what the lock file names; of optional ones some may be missing. */
function holdsLocked(project) {
  const packagesIn = (file) => {
    const path = join(project, file);
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')).packages ?? {}) : {};
  };
  const has = packagesIn('node_modules/.package-lock.json');
  const locked = Object.entries(packagesIn('package-lock.json')).filter(([key]) => key !== '');
  return locked.every(([key, { integrity, optional, link }]) =>
    has[key] === undefined
      ? optional === true
      : link === true || (has[key].integrity === integrity && existsSync(join(project, key))),
  );
}

async function installNpmPackages(project) {
  const wanted = createHash('sha256')
    .update(readFileSync(join(project, 'package-lock.json')))
    .digest('hex');
  const stamp = join(project, 'node_modules/.sdm-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8').trim() === wanted) return 'up to date';
  // somebody's own `npm ci`, which programs that run are using
  if (!existsSync(stamp) && holdsLocked(project)) {
    writeFileSync(stamp, wanted);
    return 'installed already';
  }
  await run(['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', project], {
    environment: proxied,
    minutes: NPM_MINUTES,
    hint: 'npm must reach its registry; http_proxy or PROXY names a proxy.',
  });
  writeFileSync(stamp, wanted);
  return 'installed from the lock file';
}
