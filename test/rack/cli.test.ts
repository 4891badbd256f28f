import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { uptime } from '../../src/cli/rack/status.js';
import { sdm } from '../support/cli.js';

const scratch = mkdtempSync(join(tmpdir(), 'sdm-cli-'));
const env = { SDM_STATE: scratch, npm_command: 'exec' };
afterAll(() => rmSync(scratch, { recursive: true }));

describe('sdm rack', () => {
  it.each<[readonly string[]]>([
    [['rack', 'nonsense']],
    [['rack', 'up', '--bricks', '0']],
    [['rack', 'up', '--pool', 'much']],
    [['rack', 'up', '--name', '../x']],
    [['rack', 'up', '--distance', '10']],
    [['rack', 'up', '--qemu', 'mine']],
    [['rack', 'monitor', '1']],
    [['rack', 'exec', '1']],
    [['rack', 'exec', 'one', '--', 'true']],
    [['rack', 'link', '1', '0', 'sideways']],
    [['rack', 'down', '--all', '--name', 'r0']],
  ])('refuses %j in one line, with exit code 2', async (args) => {
    const { code, stdout, stderr } = await sdm(args, { env });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    const errors = stderr.split('\n').filter((line) => line.startsWith('sdm: '));
    expect(errors).toEqual([expect.stringMatching(/^sdm: SDM_USAGE: /)]);
  });

  it.each<[readonly string[]]>([
    [['rack', 'exec', '1', '--', 'true']],
    [['rack', 'ssh', '1']],
    [['rack', 'console', '1']],
    [['rack', 'logs']],
    [['rack', 'link', '1', '0', 'up']],
    [['rack', 'monitor', '1', 'info', 'mtree']],
    [['rack', 'status', '--name', 'r0']],
  ])('says for %j that there is no rack, and how to make one', async (args) => {
    const { code, stderr } = await sdm(args, { env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^sdm: SDM_NOT_FOUND: .*"npx sdm rack up --name r0" makes it\n$/);
  });

  it('has nothing to show and nothing to do without racks', async () => {
    expect(await sdm(['rack', 'status', '--json'], { env })).toMatchObject({
      code: 0,
      stdout: '[]\n',
    });
    expect(await sdm(['rack', 'status'], { env })).toMatchObject({ code: 0 });
    for (const args of [[], ['--all']]) {
      const { code, stdout } = await sdm(['rack', 'down', ...args], { env });
      expect({ code, stdout }).toEqual({
        code: 0,
        stdout: expect.stringContaining('nothing to do'),
      });
    }
  });

  it('does not call a rack down that lives under another state directory', async () => {
    const other = join(scratch, 'other');
    const shm = join(scratch, 'shm');
    const dir = join(shm, `sdm-${process.getuid?.()}-demo`);
    mkdirSync(join(other, 'racks', 'demo'), { recursive: true });
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'owner'), `${join(other, 'racks', 'demo')}\n`);
    const { code, stdout, stderr } = await sdm(['rack', 'down', '--name', 'demo'], {
      env: { ...env, SDM_SHM: shm },
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      /^sdm: SDM_NOT_FOUND: there is no rack demo in \S+; .* lives in \S+other\/racks\/demo: /,
    );
    expect(stderr).toMatch(/"SDM_STATE='?\S+other'? npx sdm rack down --name demo"\n$/);
    expect(existsSync(dir)).toBe(true);
  });

  it('helps', async () => {
    const commands = ['up', 'status', 'ssh', 'exec', 'console', 'logs', 'link', 'monitor', 'down'];
    for (const command of commands) {
      const { code, stdout } = await sdm(['rack', command, '--help'], { env });
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: sdm rack ${command}`);
    }
  });
});

describe('uptime', () => {
  it.each([
    [0, '0s'],
    [59_999, '59s'],
    [185_000, '3m 05s'],
    [7_800_000, '2h 10m'],
    [356_400_000, '4d 3h'],
  ])('of %d ms is %s', (ms, text) => {
    expect(uptime(ms)).toBe(text);
  });
});
