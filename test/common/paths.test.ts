import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cacheDir, projectDir, stateDir, verboseLogPath } from '../../src/common/paths.js';

const cases: readonly [string, Record<string, string>, string, string, string][] = [
  ['nothing set', {}, `${homedir()}/.cache/sdm`, `${homedir()}/.local/state/sdm`, ''],
  ["XDG's directories", { XDG_CACHE_HOME: '/c', XDG_STATE_HOME: '/s' }, '/c/sdm', '/s/sdm', ''],
  ["FAME's ARTDIR", { ARTDIR: '/art', XDG_CACHE_HOME: '/c' }, '/art/cache', '/art', '/art'],
  ['SDM_STATE', { ARTDIR: '/art', SDM_STATE: '/state' }, '/art/cache', '/state', '/art'],
  [
    'empty values',
    { ARTDIR: '', XDG_CACHE_HOME: '' },
    `${homedir()}/.cache/sdm`,
    `${homedir()}/.local/state/sdm`,
    '',
  ],
  [
    'a relative ARTDIR',
    { ARTDIR: 'here' },
    join(process.cwd(), 'here/cache'),
    join(process.cwd(), 'here'),
    join(process.cwd(), 'here'),
  ],
];

describe('paths', () => {
  it.each(cases)('with %s', (_, env, cache, state, log) => {
    expect(cacheDir(env)).toBe(cache);
    expect(stateDir(env)).toBe(state);
    expect(verboseLogPath(env)).toBe(join(log || cache, 'fabric_emulation.log'));
  });

  it.each(cases)('are the same in set-up, with %s', (_, env) => {
    const steps = join(projectDir(), 'scripts/setup/steps.mjs');
    const code = `import(${JSON.stringify(steps)}).then((s) => console.log(s.cacheDir + '\\n' + s.verboseLog))`;
    const { stdout } = spawnSync(process.execPath, ['-e', code], {
      env: { HOME: homedir(), ...env },
      encoding: 'utf8',
    });
    expect(stdout).toBe(`${cacheDir(env)}\n${verboseLogPath(env)}\n`);
  });

  it('find the project', () => {
    expect(existsSync(join(projectDir(), 'native/abi/memport.h'))).toBe(true);
  });
});
