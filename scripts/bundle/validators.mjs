// Puts what Ajv makes of schemas in place of the files that ask for it, src/**/…-validator.ts.
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';

/** An esbuild plugin. dist/src must be up to date: the schemas are taken from there. */
export const validators = {
  name: 'validators',
  setup(build) {
    const root = build.initialOptions.absWorkingDir;
    build.onLoad({ filter: /-validator\.ts$/ }, async ({ path }) => ({
      contents: await compile(join(root, 'dist', relative(root, path)).replace(/\.ts$/, '.js')),
      resolveDir: root,
    }));
  },
};

async function compile(file) {
  const [{ Ajv }, { default: standalone }, { SCHEMAS, OPTIONS }] = await Promise.all([
    import('ajv'),
    import('ajv/dist/standalone/index.js'),
    import(pathToFileURL(file).href),
  ]);
  const ajv = new Ajv({ ...OPTIONS, code: { ...OPTIONS.code, source: true, esm: true } });
  const names = Object.keys(SCHEMAS);
  // Of names with the same schema the first one stands for all.
  const first = (name) => names.find((other) => SCHEMAS[other] === SCHEMAS[name]);
  const distinct = names.filter((name) => first(name) === name);
  for (const name of distinct) ajv.addSchema(SCHEMAS[name], name);
  const code = standalone.default(ajv, Object.fromEntries(distinct.map((name) => [name, name])));
  return `${code}
    const made = { ${names.map((name) => `'${name}': ${first(name)}`).join(', ')} };
    export const validatorOf = (name) => made[name];`;
}
