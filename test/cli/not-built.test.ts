import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { projectDir } from '../../src/common/paths.js';
import { finished, startProgram } from '../support/cli.js';

const clone = mkdtempSync(join(tmpdir(), 'sdm-clone-'));
afterAll(() => rmSync(clone, { recursive: true }));

describe('a clone in which nothing was built', () => {
  cpSync(join(projectDir(), 'bin'), join(clone, 'bin'), { recursive: true });
  cpSync(join(projectDir(), 'scripts'), join(clone, 'scripts'), { recursive: true });
  writeFileSync(join(clone, 'package.json'), '{ "type": "module" }');

  it.each([
    ['sdm', []],
    ['sdm', ['rack', 'up']],
    ['sdm-agent', ['probe']],
  ])('%s %j says what to run', async (name, args) => {
    const { code, stdout, stderr } = await finished(
      startProgram(join(clone, 'bin', name), args as string[]),
    );
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr:
        `${name}: SDM_MISSING: not built: run npm ci --ignore-scripts && npm run build, or npm run demo, ` +
        'which sets everything up\n',
    });
  });

  it('cannot be built before the npm packages are there, and says so', async () => {
    const { code, stderr } = await finished(
      startProgram(process.execPath, [join(clone, 'scripts/build.mjs')]),
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/^The npm packages are missing\. Run "npm ci --ignore-scripts"/);
    expect(stderr).not.toContain('    at ');
  });
});
