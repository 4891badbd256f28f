import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodesOf, treeOf } from '../../src/cli/completion/tree.js';
import { manPage } from '../../src/cli/man.js';
import { PROGRAMS } from '../../src/cli/programs.js';
import { projectDir } from '../../src/common/paths.js';

const groff = spawnSync('groff', ['--version']).status === 0;

describe.each(Object.keys(PROGRAMS))('the man page of %s', (name) => {
  const path = join(projectDir(), 'man', `${name}.1`);

  it('is as the command is now', async () => {
    const kept = readFileSync(path, 'utf8');
    expect(kept, 'npm run build && node dist/src/cli/man.js makes it again').toBe(
      await manPage(name),
    );
  });

  it('has every command and option', async () => {
    const text = readFileSync(path, 'utf8').replaceAll('\\-', '-');
    for (const { path: words, options } of nodesOf(treeOf(await PROGRAMS[name]!()))) {
      expect(text).toContain(words.join(' '));
      for (const { flags, long } of options) if (long !== '--help') expect(text).toContain(flags);
    }
  });

  it.skipIf(!groff)('is roff without a warning', () => {
    const args = ['-Kutf8', '-man', '-ww', '-Tutf8', path];
    const { stderr, stdout } = spawnSync('groff', args, { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(stdout.replaceAll(/.\x08/g, '')).toContain('SYNOPSIS');
  });
});

it.skipIf(!groff)('is read by man', () => {
  const page = execFileSync('groff', ['-man', '-Tascii', join(projectDir(), 'man/sdm.1')], {
    encoding: 'utf8',
    env: { ...process.env, GROFF_NO_SGR: '1' },
  });
  expect(page).toMatch(/sdm platform create --cores 4 --memory 16G/);
});
