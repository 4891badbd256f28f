// Debian packages: which are missing, why they are needed, and their installation.
import { existsSync, readFileSync } from 'node:fs';
import { run, SetupError } from './steps.mjs';

const TABLE = new URL('../debian-packages.json', import.meta.url);
const LOCK_SECONDS = 120;
/** On a slow link: some 250 MB of packages to fetch and to install. */
const APT_MINUTES = 40;

/** The packages of the table for an architecture: `[{ name, why }]`. */
export function neededPackages(architecture) {
  return JSON.parse(readFileSync(TABLE, 'utf8')).filter(
    ({ on }) => on === undefined || on.includes(architecture),
  );
}

/** Names of installed packages in what `dpkg-query -W -f '${Package} ${db:Status-Status}\n'` says. */
export function installedNames(text) {
  return new Set(
    text
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([, status]) => status === 'installed')
      .map(([name]) => name),
  );
}

/** The entries of the table that are not installed. */
export async function missingPackages() {
  const architecture = (await run(['dpkg', '--print-architecture'])).trim();
  const needed = neededPackages(architecture);
  const format = '${Package} ${db:Status-Status}\n';
  const names = needed.map(({ name }) => name);
  // 1: dpkg has never heard of one of them.
  const known = await run(['dpkg-query', '-W', '-f', format, ...names], { okCodes: [0, 1] });
  const installed = installedNames(known);
  return needed.filter(({ name }) => !installed.has(name));
}

/** Installs what is missing. The only step that needs root, and only then. */
export async function installPackages() {
  const missing = await missingPackages();
  if (missing.length === 0) return 'all there';

  process.stdout.write('\n');
  for (const { name, why } of missing) console.log(`    ${name}: ${why}`);
  const install = ['install', '-y', '--no-install-recommends', ...missing.map(({ name }) => name)];
  try {
    await aptGet(install);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    // Lists that are missing or old name packages, or versions, that are not there.
    await aptGet(['update']);
    await aptGet(install);
  }
  return `${missing.length} installed`;
}

async function aptGet(args) {
  const { PROXY, http_proxy, https_proxy } = process.env;
  // What sudo would drop from the environment.
  const settings = [
    'DEBIAN_FRONTEND=noninteractive',
    ...(http_proxy ? [`http_proxy=${http_proxy}`] : []),
    ...(https_proxy ? [`https_proxy=${https_proxy}`] : []),
  ];
  const proxy = PROXY ? ['-o', `Acquire::http::Proxy=${PROXY}`] : [];
  // Another apt, such as the daily upgrade, may be at work.
  const wait = ['-o', `DPkg::Lock::Timeout=${LOCK_SECONDS}`];
  const command = ['env', ...settings, 'apt-get', '-q', ...wait, ...proxy, ...args];
  const root = process.getuid() === 0;
  if (!root && !existsSync('/usr/bin/sudo')) {
    throw new SetupError(
      `Packages must be installed by root, and there is no sudo here. As root, run:\n` +
        `    apt-get ${args.join(' ')}`,
    );
  }
  await run(root ? command : ['sudo', ...command], {
    terminal: !root,
    minutes: APT_MINUTES,
    hint:
      'It ran with the apt sources of this machine, and must reach them: http_proxy or PROXY names ' +
      `a proxy. For another apt or dpkg that holds the lock it waits ${LOCK_SECONDS} s.`,
  });
}
