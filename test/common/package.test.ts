import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { projectDir } from '../../src/common/paths.js';
import { ADDON_SOURCES } from '../../src/rack/artifacts/payload.js';

/** Paths of the files in the package, without making it. */
function packed(): string[] {
  const { stdout, stderr } = spawnSync(
    'npm',
    ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=error'],
    { cwd: projectDir(), encoding: 'utf8' },
  );
  // Newer versions of npm give an object by name, older ones a list.
  const answer: unknown = JSON.parse(stdout || `"${stderr}"`);
  const [pack] = Object.values(answer as Record<string, { files: { path: string }[] }>);
  return (pack?.files ?? []).map(({ path }) => path);
}

describe('the npm package', () => {
  const files = packed();

  it('has all that an installation builds its parts of', () => {
    const has = (path: string): boolean =>
      files.some((file) => file === path || file.startsWith(`${path}/`));
    const needed = [
      ...ADDON_SOURCES,
      'bin/sdm',
      'bin/sdm-agent',
      'dist/bundle',
      'dist/src/cli/sdm.js',
      'kernel/module',
      'scripts/code-cache.mjs',
      'src/rack/guest',
      'tools/guest',
    ];
    expect(needed.filter((path) => !has(path))).toEqual([]);
  });

  it('has nothing that is about the clone in which it was made', () => {
    const not = /^dist\/(\.|bench\/|cache\/)|^(test|build|bench|node_modules)\/|\.(node|ko|o)$/;
    expect(files.filter((file) => not.test(file))).toEqual([]);
  });
});
