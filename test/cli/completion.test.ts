import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bashCompletion } from '../../src/cli/completion/bash.js';
import { nodesOf, treeOf } from '../../src/cli/completion/tree.js';
import { zshCompletion } from '../../src/cli/completion/zsh.js';
import { PROGRAMS } from '../../src/cli/programs.js';
import { sdm } from '../support/cli.js';
import { scratchDir } from '../support/scratch.js';

const dir = scratchDir('completion');
const zsh = spawnSync('zsh', ['--version']).status === 0;
const names = Object.keys(PROGRAMS);

const written = async (name: string, make: typeof bashCompletion): Promise<string> => {
  const path = join(dir, `${name}.${make === bashCompletion ? 'bash' : 'zsh'}`);
  writeFileSync(path, make(treeOf(await PROGRAMS[name]!())));
  return path;
};

/** What bash offers where the cursor is behind the last word. */
async function offered(name: string, ...words: string[]): Promise<string[]> {
  const script = `
    source "$1"; shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    fn=$(complete -p "$1" | sed 's/.*-F \\([^ ]*\\).*/\\1/')
    "$fn" 2>/dev/null
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const path = await written(name, bashCompletion);
  const args = ['--norc', '-c', script, 'bash', path, name, ...words];
  const { stdout, stderr, status } = spawnSync('bash', args, { encoding: 'utf8', cwd: dir });
  expect([status, stderr]).toEqual([0, '']);
  return stdout.split('\n').filter((line) => line !== '');
}

describe('completion of bash', () => {
  it.each(names)('is a script that bash takes, for %s', async (name) => {
    const path = await written(name, bashCompletion);
    expect(spawnSync('bash', ['-n', path], { encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    });
  });

  it.each(names)('offers every command and option of %s', async (name) => {
    for (const { path, children, options } of nodesOf(treeOf(await PROGRAMS[name]!()))) {
      const words = path.slice(1);
      if (children.length > 0) {
        const all = children.map((child) => child.path.at(-1));
        expect(await offered(name, ...words, '')).toEqual(all);
      }
      const flags = options.flatMap(({ short, long }) => [short, long]).filter(Boolean);
      expect(await offered(name, ...words, '-')).toEqual(flags);
    }
  });

  it.each([
    [['pl'], ['platform', 'plan']],
    [['platform', 'cr'], ['create']],
    [
      ['platform', 'create', '--co'],
      ['--cores', '--controller'],
    ],
    [
      ['platform', 'create', '--cores', '4', '--mode', ''],
      ['system-ram', 'device'],
    ],
    [['platform', 'create', '--mode', '=', 'd'], ['device']],
    [['platform', 'create', '--cores', ''], []],
    [
      ['memory', 'free', '7', '--a'],
      ['--attachment', '--all'],
    ],
    [
      ['topology', 'export', '--format', ''],
      ['gexf', 'dot', 'json'],
    ],
    [
      ['topology', 'export', '--format', 'dot', '-o', 'som'],
      ['some file', 'some-dir'],
    ],
    [['topology', 'check', 'some '], ['some file']],
    [['pki', 'init', 'some'], ['some-dir']],
    [
      ['completion', ''],
      ['bash', 'zsh'],
    ],
    [['nonsense', ''], names.length === 0 ? [] : 'commands'],
  ] as const)('offers after %j', async (words, expected) => {
    mkdirSync(join(dir, 'some-dir'), { recursive: true });
    writeFileSync(join(dir, 'some file'), '');
    const found = await offered('sdm', ...words);
    if (expected === 'commands') expect(found).toContain('platform');
    else expect(found.sort()).toEqual([...expected].sort());
  });
});

describe('completion of zsh', () => {
  it.each(names)('has a function for every command, and every option, of %s', async (name) => {
    const root = treeOf(await PROGRAMS[name]!());
    const script = zshCompletion(root);
    expect(script.startsWith(`#compdef ${name}\n`)).toBe(true);
    for (const { path, options } of nodesOf(root)) {
      expect(script).toContain(`_sdm_${path.join('_').replaceAll('-', '_')}() {`);
      for (const { long } of options) expect(script).toContain(long!);
    }
  });

  it.skipIf(!zsh).each(names)('is a script that zsh takes, for %s', async (name) => {
    const path = await written(name, zshCompletion);
    expect(spawnSync('zsh', ['-n', path], { encoding: 'utf8' })).toMatchObject({ stderr: '' });
  });
});

describe('sdm completion', () => {
  it('prints all that a shell needs', async () => {
    const { code, stdout, stderr } = await sdm(['completion', 'bash']);
    expect([code, stderr]).toEqual([0, '']);
    for (const name of names) expect(stdout).toMatch(new RegExp(`^complete -F \\w+ ${name}$`, 'm'));
    expect((await sdm(['completion', 'zsh', 'sdm-dbmc'])).stdout).toContain('#compdef sdm-dbmc');
  });

  it('knows two shells', async () => {
    const { code, stderr } = await sdm(['completion', 'fish']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('Allowed choices are bash, zsh.')]);
  });
});
