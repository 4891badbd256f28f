// Packages load what the agent never uses of them: fastify HTTP/2, TLS and the comparison of
// versions, pino worker threads, and so on. Together that takes a fifth of a start.

/** Those whose users reach them through the module object, so that it can be filled in later. */
const LAZY = [
  ...['assert', 'child_process', 'dns', 'http2', 'https', 'perf_hooks', 'tls', 'tty'],
  ...['worker_threads', 'semver', 'thread-stream', '@fastify/proxy-addr'],
];
/** What fastify makes schemas and tests work with, and we do not: it comes to none of them. */
const ABSENT = [
  '@fastify/ajv-compiler',
  '@fastify/fast-json-stringify-compiler',
  'light-my-request',
];
const FILTER = new RegExp(`^(?:node:)?(?:${LAZY.join('|')})$`);
const NAMESPACE = 'lazy';

/** What everybody asks for at once, and is known without: properties, by the names of modules. */
const KNOWN = {
  perf_hooks: { performance: 'performance' },
  worker_threads: { isMainThread: 'true' },
};

/** An esbuild plugin: leaves out what is never reached, and says so to whom it is. */
export const absent = {
  name: 'absent',
  setup(build) {
    build.onResolve({ filter: new RegExp(`^(?:${ABSENT.join('|')})$`) }, ({ path }) => ({
      path,
      namespace: 'absent',
    }));
    build.onLoad({ filter: /^/, namespace: 'absent' }, ({ path }) => ({
      contents: `throw new Error('${path} is not in the bundle');`,
    }));
  },
};

/** An esbuild plugin: what packages `require` of these is loaded when it is first used. */
export const lazy = {
  name: NAMESPACE,
  setup(build) {
    build.onResolve({ filter: FILTER }, ({ path, kind, namespace, resolveDir }) =>
      kind === 'require-call' && namespace !== NAMESPACE
        ? { path: path.replace('node:', ''), namespace: NAMESPACE, pluginData: { resolveDir } }
        : undefined,
    );
    build.onLoad({ filter: /^/, namespace: NAMESPACE }, ({ path, pluginData: { resolveDir } }) => ({
      resolveDir,
      contents: `
        let real;
        const load = () => (real ??= require('${path}'));
        const known = {${Object.entries(KNOWN[path] ?? {}).map((each) => each.join(':'))}};
        module.exports = new Proxy(function () {}, {
          get: (_, name) => (Object.hasOwn(known, name) ? known[name] : load()[name]),
          // An assert that holds needs nobody.
          apply: (_, self, values) =>
            ${path === 'assert'} && values[0] ? undefined : Reflect.apply(load(), self, values),
          construct: (_, values) => Reflect.construct(load(), values),
        });`,
    }));
  },
};
