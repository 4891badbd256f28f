// Builds dist/: TypeScript, and the agent with all it needs, for guests. Does nothing when nothing
// changed.
//
//   node scripts/build.mjs            build
//   node scripts/build.mjs --check    only say whether dist/ is up to date; exit code 3 if it is not
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure, runScript } from './lib/failure.mjs';
import { filesBelow, hashInputs } from './lib/files.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'dist/.stamp');
const bundle = join(root, 'dist/bundle');
const STALE = 3;
/** What decides how dist/ comes out: directories with all that is in them, and files. */
const INPUTS = [
  'src',
  'bench',
  'tsconfig.json',
  'package.json',
  'package-lock.json',
  'scripts/build.mjs',
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

async function makeBundle() {
  const { build } = await import('esbuild');
  const entry = join(root, 'src/cli/sdm-agent.ts');
  // Made beside and renamed: the guests' artifacts are made of whatever lies there.
  const temporary = `${bundle}.tmp`;
  rmSync(temporary, { recursive: true, force: true });
  await build({
    entryPoints: [entry],
    outdir: temporary,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    // What is imported when it is needed stays apart: on an emulated CPU a command that only asks
    // the agent would spend seconds on reading the server's code.
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // `bindings` finds the addon from the file that requires it: that works in the bundle because
    // it lies in dist/bundle of a directory with build/Release, here as in a guest.
    // Packages in CommonJS call require() for Node's own modules.
    banner: {
      js: [
        "import { createRequire as sdmCreateRequire } from 'node:module';",
        "import { fileURLToPath as sdmFileURLToPath } from 'node:url';",
        'const require = sdmCreateRequire(import.meta.url);',
        'const __filename = sdmFileURLToPath(import.meta.url);',
        "const __dirname = sdmFileURLToPath(new URL('.', import.meta.url));",
      ].join('\n'),
    },
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'warning',
  });
  rmSync(bundle, { recursive: true, force: true });
  renameSync(temporary, bundle);
}

async function main() {
  const started = performance.now();
  const hash = hashInputs(root, INPUTS, process.version);
  const current = existsSync(stamp) && readFileSync(stamp, 'utf8') === hash && existsSync(bundle);
  if (current) {
    console.log('dist/ is up to date');
  } else if (process.argv.includes('--check')) {
    console.log('dist/ is older than the sources');
    process.exitCode = STALE;
  } else {
    rmSync(stamp, { force: true });
    removeStale();
    compile();
    for (const name of ['sdm', 'sdm-agent']) chmodSync(join(root, 'bin', name), 0o755);
    await makeBundle();
    writeFileSync(stamp, hash);
    console.log(`dist/ built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }
}

await runScript(main);
