// Puts what Ajv makes of the configuration's schema in place of src/agent/config-validator.ts.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const FILE = 'src/agent/config-validator.ts';

/** An esbuild plugin. dist/src must be up to date: the schema is taken from there. */
export const configValidator = {
  name: 'config-validator',
  setup(build) {
    const root = build.initialOptions.absWorkingDir;
    build.onLoad({ filter: /\/config-validator\.ts$/ }, async ({ path }) =>
      path === join(root, FILE) ? { contents: await compile(root), resolveDir: root } : undefined,
    );
  },
};

async function compile(root) {
  const load = (file) => import(pathToFileURL(join(root, 'dist/src/agent', file)).href);
  const [{ Ajv }, { default: standalone }, { ConfigFile }, { OPTIONS }] = await Promise.all([
    import('ajv'),
    import('ajv/dist/standalone/index.js'),
    load('config-schema.js'),
    load('config-validator.js'),
  ]);
  const ajv = new Ajv({ ...OPTIONS, code: { ...OPTIONS.code, source: true, esm: true } });
  return `${standalone.default(ajv, ajv.compile(ConfigFile))}
    export const schemaErrors = (value) => (validate(value) ? [] : (validate.errors ?? []));`;
}
