// Makes dist/bundle: sdm-agent with all that it needs, for bin/sdm-agent and for guests.
//
// esbuild splits ES modules only, and V8's code cache is for scripts only. So what is split is turned
// into functions that scripts/bundle/loader.cjs compiles and calls, each when it is first needed: on
// an emulated CPU a command that only asks the agent would spend seconds on the server's code.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Failure } from '../lib/failure.mjs';
import { absent, lazy } from './lazy.mjs';
import { linkPart } from './link.mjs';
import { unitsOf } from './units.mjs';
import { validators } from './validators.mjs';

const ENTRY = 'src/cli/sdm-agent.ts';
const COMMAND = 'sdm-agent.cjs';
const TARGET = 'node20';
/** The names that a part has from the loader. */
const NAMES = 'exports, require, module, __filename, __dirname, sdmUrl, sdmRequire, sdmPart';

/** Writes the bundle of the sources in `root` to the directory `to`, which is made. */
export async function makeBundle(root, to) {
  const { parts, outputs } = await split(root);
  const units = unitsOf(outputs, ENTRY);
  const files = new Map(
    Object.entries(units).map(([file, names]) => [file, unitText(file, names, parts)]),
  );
  const entry = Object.keys(outputs).find((name) => outputs[name].entryPoint === ENTRY);
  const where = Object.entries(units).flatMap(([file, names]) =>
    names.filter((name) => name !== file).map((name) => [name, file]),
  );
  const loader = readFileSync(join(import.meta.dirname, 'loader.cjs'), 'utf8')
    .replace('@ENTRY@', entry)
    .replace("'@UNITS@'", JSON.stringify(Object.fromEntries(where)));
  mkdirSync(to, { recursive: true });
  for (const [file, text] of files) writeFileSync(join(to, file), text);
  writeFileSync(join(to, COMMAND), loader.replace('@HASH@', hashOf(loader, files)));
}

/** The text of each part, and what esbuild says of it. */
async function split(root) {
  const { build, transform } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    entryPoints: [join(root, ENTRY)],
    absWorkingDir: root,
    outdir: join(root, 'dist/bundle'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: TARGET,
    plugins: [validators, absent, lazy],
    // Not minified: what a stack says must lead to the place.
    legalComments: 'none',
    logLevel: 'warning',
    write: false,
    metafile: true,
  });
  const outputs = Object.fromEntries(
    Object.entries(metafile.outputs).map(([path, { entryPoint, imports }]) => {
      const of = (kind) =>
        imports
          .filter((each) => each.kind === kind && !each.external)
          .map((each) => basename(each.path));
      return [
        basename(path),
        { entryPoint, imports: of('import-statement'), later: of('dynamic-import') },
      ];
    }),
  );
  const parts = await Promise.all(
    outputFiles.map(async ({ path, text }) => {
      const { code } = await transform(linkPart(basename(path), text), {
        format: 'cjs',
        platform: 'node',
        target: TARGET,
        supported: { 'dynamic-import': false },
        define: { 'import.meta.url': 'sdmUrl' },
      });
      return [basename(path), code];
    }),
  );
  return { parts: new Map(parts), outputs };
}

/** A script whose value are its parts, as functions by their names. */
function unitText(file, names, parts) {
  const functions = names.map((name) => `'${name}': function (${NAMES}) {\n${parts.get(name)}}`);
  const text = `({\n${functions.join(',\n')}\n})\n`;
  // The loader hands out some of Node's modules before they are loaded, and copies would be empty.
  const copied = /__toESM\)?\(require\("(node:.+?)"/.exec(text);
  if (copied) throw new Failure(`${file} of the bundle copies ${copied[1]}: import its members.`);
  // The loader takes a byte for a character.
  const strange = /[^\0-\x7f]/.exec(text);
  if (strange) throw new Failure(`${file} of the bundle has "${strange[0]}", which is not ASCII.`);
  return text;
}

function hashOf(loader, files) {
  const hash = createHash('sha256').update(loader);
  for (const [file, text] of files) hash.update(`\0${file}\0${text}`);
  return hash.digest('hex').slice(0, 16);
}
