import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { sdmCommand } from '../../src/common/called.js';

const scratch = mkdtempSync(join(tmpdir(), 'sdm-called-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const script = join(scratch, 'project/bin/sdm');
const global = join(scratch, 'usr/bin');
for (const dir of [join(scratch, 'project/bin'), global]) mkdirSync(dir, { recursive: true });
writeFileSync(script, '');
symlinkSync(script, join(global, 'sdm'));

describe('sdm as the user can type it', () => {
  it.each<[string, Record<string, string>, string, string, string]>([
    ['by npx', { npm_command: 'exec', PATH: global }, script, scratch, 'npx sdm'],
    ['in a script of npm', { npm_command: 'run-script' }, '/x/demo/main.js', scratch, 'npx sdm'],
    ['by a program of its own', {}, '/x/main.js', scratch, 'npx sdm'],
    ['from the PATH', { PATH: `/nowhere:${global}` }, join(global, 'sdm'), scratch, 'sdm'],
    ['where the PATH leads to it', { PATH: global }, script, scratch, 'sdm'],
    ['by a path below', {}, script, join(scratch, 'project'), 'bin/sdm'],
    ['from its own directory', {}, script, join(scratch, 'project/bin'), './sdm'],
    ['by a path elsewhere', { PATH: '/nowhere' }, script, global, script],
  ])('%s', (_how, env, argv1, cwd, expected) => {
    expect(sdmCommand(env, argv1, cwd)).toBe(expected);
  });
});
