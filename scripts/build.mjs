// Builds dist/: TypeScript, the agent with all it needs as a bundle, and V8's code cache of that.
// Does nothing when nothing changed.
//
//   node scripts/build.mjs            build
//   node scripts/build.mjs --check    only say whether dist/ is up to date; exit code 3 if it is not
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lacksCodeCache, makeCodeCache } from './code-cache.mjs';
import { Failure, runScript } from './lib/failure.mjs';
import { filesBelow, hashInputs, replaceDirectory } from './lib/files.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'dist/.stamp');
const bundle = join(root, 'dist/bundle');
const cache = join(root, 'dist/cache');
const COMMANDS = ['sdm', 'sdm-agent', 'sdm-controller', 'sdm-dbmc'];
const STALE = 3;
/** What decides how dist/ comes out: directories with all that is in them, and files. */
const INPUTS = [
  'src',
  'bench',
  'tsconfig.json',
  'package.json',
  'package-lock.json',
  'scripts/build.mjs',
  'scripts/bundle',
  'scripts/lib',
];

/** The compiler leaves what it made of a source that is gone; tests would still find it. */
function removeStale() {
  for (const part of ['src', 'bench']) {
    for (const file of filesBelow(join(root, 'dist', part))) {
      const source = join(root, relative(join(root, 'dist'), file)).replace(
        /(\.d)?\.(js|ts)(\.map)?$/,
        '.ts',
      );
      if (!existsSync(source)) rmSync(file);
    }
  }
}

function compile() {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  if (!existsSync(tsc)) {
    throw new Failure(
      'The npm packages are missing. Run "npm ci --ignore-scripts" first, or "npm run demo", ' +
        'which sets everything up.',
    );
  }
  const { status } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.json')], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Failure('TypeScript found errors: they are above.');
}

/** Made beside and renamed: the guests' artifacts are made of whatever lies there. */
async function replaceBundle() {
  // Only here: it needs the npm packages, and a build without them has something to say.
  const { makeBundle } = await import('./bundle/make.mjs');
  const temporary = `${bundle}.${process.pid}`;
  try {
    await makeBundle(root, temporary);
    replaceDirectory(temporary, bundle);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  // Those of other bundles are of no use any more.
  rmSync(cache, { recursive: true, force: true });
}

/** After the stamp: there may be none, and dist/ is complete all the same. */
async function addCodeCache() {
  if (process.argv.includes('--check') || !lacksCodeCache()) return;
  const said = await makeCodeCache();
  if (said !== '') console.log(said);
}

async function main() {
  const started = performance.now();
  const hash = hashInputs(root, INPUTS, process.version);
  const current = existsSync(stamp) && readFileSync(stamp, 'utf8') === hash && existsSync(bundle);
  if (current) {
    await addCodeCache();
    console.log('dist/ is up to date');
  } else if (process.argv.includes('--check')) {
    console.log('dist/ is older than the sources');
    process.exitCode = STALE;
  } else {
    rmSync(stamp, { force: true });
    removeStale();
    compile();
    for (const name of COMMANDS) chmodSync(join(root, 'bin', name), 0o755);
    await replaceBundle();
    writeFileSync(stamp, hash);
    await addCodeCache();
    console.log(`dist/ built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }
}

await runScript(main);
