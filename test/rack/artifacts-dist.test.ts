import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectDir } from '../../src/common/paths.js';
import { Progress } from '../../src/common/progress.js';
import { ensureDist } from '../../src/rack/artifacts/dist.js';

let project: string;
let shown: string;
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'sdm-dist-'));
  shown = '';
});
afterEach(() => rmSync(project, { recursive: true }));

function ensure(): Promise<void> {
  const stream = { write: (text: string) => (shown += text) };
  const progress = new Progress({ stream, verbose: false });
  return ensureDist({ project, progress, signal: undefined });
}

/** A checkout of one file, whose compiler does nothing or complains. */
function checkout(compiler: string): void {
  cpSync(join(projectDir(), 'scripts'), join(project, 'scripts'), { recursive: true });
  const write = (name: string, text: string): void => {
    mkdirSync(join(project, name, '..'), { recursive: true });
    writeFileSync(join(project, name), text);
  };
  write('package.json', '{ "type": "module" }');
  write('tsconfig.json', '{}');
  write('src/cli/sdm-agent.ts', 'export const version = 1;');
  write('bin/sdm', '');
  for (const name of ['sdm-agent', 'sdm-controller', 'sdm-dbmc']) write(`bin/${name}`, '');
  write('node_modules/typescript/package.json', '{ "type": "commonjs" }');
  write('node_modules/typescript/bin/tsc', compiler);
  symlinkSync(join(projectDir(), 'node_modules/esbuild'), join(project, 'node_modules/esbuild'));
}

describe('dist/ before guests are made of it', () => {
  it('is refused where an installation lacks it', async () => {
    await expect(ensure()).rejects.toMatchObject({ code: 'SDM_ARTIFACT' });
  });

  it('is taken as it is in an installed package', async () => {
    mkdirSync(join(project, 'dist/bundle'), { recursive: true });
    await ensure();
    expect(shown).toBe('');
  });

  it('is built in a checkout whenever the sources have changed, and only then', async () => {
    checkout('');
    await ensure();
    expect(shown).toMatch(/^✓ Build dist\/ again: the sources have changed/);
    expect(existsSync(join(project, 'dist/bundle'))).toBe(true);
    shown = '';
    await ensure();
    expect(shown).toBe('');
    writeFileSync(join(project, 'src/cli/sdm-agent.ts'), 'export const version = 2;');
    await Promise.all([ensure(), ensure()]);
    expect(shown.match(/✓ Build/g)).toHaveLength(1);
  });

  it('is not used if it cannot be built: the compiler has the word', async () => {
    checkout('console.log("src/x.ts(1,1): error TS1: no"); process.exitCode = 2;');
    await expect(ensure()).rejects.toMatchObject({
      code: 'SDM_COMMAND',
      message: expect.stringMatching(/error TS1: no[^]*Correct the sources/),
    });
    await expect(ensure()).rejects.toMatchObject({ code: 'SDM_COMMAND' });
  });
});
