// Makes dist/bundle: sdm-agent with all that it needs, for bin/sdm-agent and for guests.
//
// esbuild splits ES modules only, and V8's code cache is for scripts only. So what is split is turned
// into functions that scripts/bundle/loader.cjs compiles and calls, each when it is first needed: on
// an emulated CPU a command that only asks the agent would spend seconds on the server's code.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Failure } from '../lib/failure.mjs';
import { lazy } from './lazy.mjs';
import { validators } from './validators.mjs';

const ENTRY = 'src/cli/sdm-agent.ts';
const COMMAND = 'sdm-agent.cjs';
const TARGET = 'node20';
/** The names that a part has from the loader. */
const HEAD = '(function (exports, require, module, __filename, __dirname, sdmUrl) {';

/** Writes the bundle of the sources in `root` to the directory `to`, which is made. */
export async function makeBundle(root, to) {
  const { build, transform } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    entryPoints: [join(root, ENTRY)],
    absWorkingDir: root,
    outdir: join(root, 'dist/bundle'),
    entryNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: TARGET,
    plugins: [validators, lazy],
    // Not minified: what a stack says must lead to the place.
    legalComments: 'none',
    logLevel: 'warning',
    write: false,
    metafile: true,
  });
  const parts = await Promise.all(
    outputFiles.map(async ({ path, text }) => {
      const { code } = await transform(text, {
        format: 'cjs',
        platform: 'node',
        target: TARGET,
        supported: { 'dynamic-import': false },
        define: { 'import.meta.url': 'sdmUrl' },
      });
      return { name: basename(path), code: `${HEAD}${code}\n})` };
    }),
  );
  const entry = Object.entries(metafile.outputs).find(([, output]) => output.entryPoint === ENTRY);
  const loader = readFileSync(join(import.meta.dirname, 'loader.cjs'), 'utf8').replace(
    '@ENTRY@',
    basename(entry[0]),
  );
  mkdirSync(to, { recursive: true });
  for (const { name, code } of parts) {
    // The loader takes a byte for a character.
    const strange = /[^\0-\x7f]/.exec(code);
    if (strange)
      throw new Failure(`${name} of the bundle has "${strange[0]}", which is not ASCII.`);
    writeFileSync(join(to, name), code);
  }
  writeFileSync(join(to, COMMAND), loader.replace('@HASH@', hashOf(loader, parts)));
}

function hashOf(loader, parts) {
  const hash = createHash('sha256').update(loader);
  for (const { name, code } of parts) hash.update(`\0${name}\0${code}`);
  return hash.digest('hex').slice(0, 16);
}
