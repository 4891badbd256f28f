// Builds the C++ addon, if anything changed that it is made of. Plain JavaScript without
// dependencies: `npm install` runs it before there is anything else.
//
//   node scripts/build-addon.mjs [--out DIR]          for this machine: build/Release/sdm_native.node
//   node scripts/build-addon.mjs --arch arm64 --out DIR [--node-headers DIR]   for a guest
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Failure, runScript } from './lib/failure.mjs';
import { hashInputs } from './lib/files.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(join(root, 'package.json'));
const INPUTS = [
  'native',
  'binding.gyp',
  'CMakeLists.txt',
  'scripts/build-addon.mjs',
  'scripts/lib',
];
const NAME = 'sdm_native.node';
const BUILD_TIMEOUT_MS = 15 * 60_000;

/** Of Debian's libnode-dev, for a node that lies elsewhere. */
const DEBIAN_HEADERS = '/usr/include/nodejs';
/** The part of Node's own common.gypi that an addon in C needs. */
const COMMON_GYPI = {
  target_defaults: {
    default_configuration: 'Release',
    configurations: { Release: { cflags: ['-O3'] }, Debug: { cflags: ['-g', '-O0'] } },
    cflags: ['-fPIC', '-pthread'],
    ldflags: ['-pthread'],
  },
};

/** Debian packages that bring what a build needs. */
const PACKAGES = {
  x64: 'g++ make python3',
  arm64: 'g++-aarch64-linux-gnu gcc-aarch64-linux-gnu cmake make',
};

function commandLine() {
  try {
    return parseArgs({
      options: {
        arch: { type: 'string' },
        out: { type: 'string' },
        'node-headers': { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw new Failure(`${error.message}; usage: build-addon.mjs [--arch arm64 --out DIR]`);
  }
}

function options() {
  const values = commandLine();
  const host = values.arch === undefined;
  if (!host && values.arch !== 'arm64') {
    throw new Failure(`--arch ${values.arch} is not known here; use arm64, or leave it out`);
  }
  if (!host && values.out === undefined) {
    throw new Failure('--arch arm64 needs --out DIR: where sdm_native.node is put');
  }
  const out = resolve(values.out ?? join(root, 'build/Release'));
  const headers = values['node-headers'] && resolve(values['node-headers']);
  return { host, arch: values.arch ?? process.arch, out, headers };
}

function run(command, args, { cwd, env, need }) {
  const result = spawnSync(command, args, {
    cwd,
    env: env ?? process.env,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    timeout: BUILD_TIMEOUT_MS,
  });
  if (result.status === 0) return;
  const log = `${result.stdout ?? ''}${result.stderr ?? ''}`;
  const why = result.error ? result.error.message : `exit code ${result.status ?? result.signal}`;
  throw new Failure(
    `${log}\nThe addon could not be built (${why}; the whole log is above).\n` +
      `The command was: ${[command, ...args].join(' ')}\n` +
      `It needs the Debian packages ${need}: apt-get install ${need}`,
  );
}

/** This project's in a clone; where the package is installed the one that npm brings along. */
function nodeGyp() {
  const program = 'node-gyp/bin/node-gyp.js';
  try {
    return require.resolve(program);
  } catch {
    // npm tells its scripts where it is.
    const told = process.env.npm_config_node_gyp;
    if (told && existsSync(told)) return told;
  }
  const npm = (process.env.PATH ?? '')
    .split(':')
    .map((directory) => join(directory, 'npm'))
    .find((path) => existsSync(path));
  try {
    return createRequire(realpathSync(npm ?? '')).resolve(program);
  } catch {
    throw new Failure(
      'node-gyp was found neither here nor with npm. Run `npm ci --ignore-scripts` in a clone, ' +
        'or `npm install node-gyp` beside an installed package.',
    );
  }
}

/**
 * Node's headers, in the form in which node-gyp takes them, so that it never downloads any: those
 * that came with this node (also Debian's libnode-dev), those that Debian puts beside it, else the
 * npm package with just the Node-API, which is all that the addon uses.
 */
function nodeDirectory(work) {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  if (existsSync(join(prefix, 'include/node/node_api.h'))) return prefix;
  if (existsSync(join(DEBIAN_HEADERS, 'src/node_api.h'))) return DEBIAN_HEADERS;
  const directory = join(work, 'node');
  const include = join(directory, 'include/node');
  mkdirSync(dirname(include), { recursive: true });
  cpSync(apiHeaders(), include, { recursive: true });
  writeFileSync(join(include, 'common.gypi'), JSON.stringify(COMMON_GYPI));
  writeFileSync(join(include, 'config.gypi'), JSON.stringify(process.config));
  return directory;
}

function apiHeaders() {
  try {
    return join(dirname(require.resolve('node-api-headers/package.json')), 'include');
  } catch {
    throw new Failure(
      'Neither this node nor /usr/include/nodejs has the headers of Node, and the npm package ' +
        'node-api-headers, which brings them, was not found. Run `npm ci --ignore-scripts`, or as ' +
        'root: apt-get install libnode-dev',
    );
  }
}

/** In a directory of its own: two builds at once do not meet, and a failed one leaves nothing. */
function buildForHost(wanted, work) {
  for (const name of ['binding.gyp', 'native']) symlinkSync(join(root, name), join(work, name));
  const args = [nodeGyp(), 'rebuild', '--jobs=2', `--nodedir=${nodeDirectory(work)}`];
  run(process.execPath, args, { cwd: work, need: PACKAGES.x64 });
  return join(work, 'build/Release');
}

function buildForGuest(wanted, work) {
  const toolchain = join(root, 'native/cmake/aarch64-linux-gnu.cmake');
  let cmakeJs;
  try {
    cmakeJs = join(dirname(require.resolve('cmake-js/package.json')), 'bin/cmake-js');
  } catch {
    throw new Failure('cmake-js was not found. Run `npm ci`.');
  }
  const args = [cmakeJs, 'build', `--directory=${root}`, `--out=${work}`, '--arch=arm64'];
  args.push('--parallel=2', `--CDCMAKE_TOOLCHAIN_FILE=${toolchain}`);
  if (wanted.headers) args.push(`--CDSDM_NODE_HEADERS=${includeDirectory(wanted.headers)}`);
  run(process.execPath, args, { cwd: root, need: PACKAGES.arm64 });
  const built = join(work, 'Release');
  const strip = ['--strip-unneeded', join(built, NAME)];
  run('aarch64-linux-gnu-strip', strip, { cwd: root, need: PACKAGES.arm64 });
  return built;
}

/** The directory with node_api.h, in a node installation or given itself. */
function includeDirectory(headers) {
  const found = [headers, join(headers, 'include/node')].find((directory) =>
    existsSync(join(directory, 'node_api.h')),
  );
  if (!found) throw new Failure(`--node-headers ${headers} has no node_api.h below it`);
  return found;
}

function headersVersion(wanted) {
  if (wanted.host) return process.version;
  if (wanted.headers) return readFileSync(join(includeDirectory(wanted.headers), 'node_api.h'));
  try {
    return require('node-api-headers/package.json').version;
  } catch {
    return 'none';
  }
}

/** A directory of this process's own; those of builds that were killed go. */
function makeWorkDirectory(out) {
  mkdirSync(out, { recursive: true });
  for (const name of readdirSync(out)) {
    const pid = /^\.build-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`))
      rmSync(join(out, name), { recursive: true });
  }
  const work = join(out, `.build-${process.pid}`);
  mkdirSync(work);
  return work;
}

/** Whole or not at all, also for a process that has the old one loaded. */
function install(built, wanted) {
  const temporary = join(wanted.out, `.${NAME}.${process.pid}`);
  copyFileSync(join(built, NAME), temporary);
  renameSync(temporary, join(wanted.out, NAME));
}

function main() {
  const wanted = options();
  const stamp = join(wanted.out, 'sdm_native.stamp');
  const { arch, host } = wanted;
  const hash = hashInputs(root, INPUTS, arch, host, String(headersVersion(wanted)));
  const current = existsSync(stamp) && readFileSync(stamp, 'utf8') === hash;
  if (current && existsSync(join(wanted.out, NAME))) return;

  const work = makeWorkDirectory(wanted.out);
  try {
    const built = wanted.host ? buildForHost(wanted, work) : buildForGuest(wanted, work);
    rmSync(stamp, { force: true });
    install(built, wanted);
    writeFileSync(stamp, hash);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

await runScript(main);
