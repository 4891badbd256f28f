// Packages load what the agent never uses of them: fastify HTTP/2, TLS and the comparison of
// versions, pino worker threads, and so on. Together that takes a fifth of a start.

/** Those whose users reach them through the module object, so that it can be filled in later. */
const LAZY =
  /^(?:node:)?(?:assert|child_process|dns|http2|https|perf_hooks|tls|tty|worker_threads)$|^semver$/;
const NAMESPACE = 'lazy';

/** An esbuild plugin: what packages `require` of these is loaded when a property is first read. */
export const lazy = {
  name: NAMESPACE,
  setup(build) {
    build.onResolve({ filter: LAZY }, ({ path, kind, namespace, resolveDir }) =>
      kind === 'require-call' && namespace !== NAMESPACE
        ? { path, namespace: NAMESPACE, pluginData: { resolveDir } }
        : undefined,
    );
    build.onLoad({ filter: /^/, namespace: NAMESPACE }, ({ path, pluginData: { resolveDir } }) => ({
      resolveDir,
      // The clock of perf_hooks, which everybody takes at once, is there without it.
      contents: `
        let real;
        const load = () => (real ??= require('${path}'));
        module.exports = new Proxy(function () {}, {
          get: (_, name) => (name === 'performance' ? performance : load()[name]),
          apply: (_, self, values) => Reflect.apply(load(), self, values),
        });`,
    }));
  },
};
