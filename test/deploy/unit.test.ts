import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { projectDir } from '../../src/common/paths.js';
import { sdmAgent } from '../support/agent.js';
import { scratchDir } from '../support/scratch.js';

/** Tenths: what `systemd-analyze security` may find at most. */
const EXPOSURE_MAX = 25;

const scratch = scratchDir('unit');
const unit = join(scratch, 'etc/systemd/system/sdm-agent.service');

function tool(command: string, ...args: readonly string[]) {
  return spawnSync(command, args, { encoding: 'utf8', timeout: 20_000 });
}

const has = (command: string): boolean => tool(command, '--version').status === 0;
const analyzes = has('systemd-analyze');

beforeAll(async () => {
  const { code, stderr } = await sdmAgent(['service', 'install', '--root', scratch]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

interface Finding {
  readonly set: boolean | null;
  readonly name: string;
  readonly exposure: string | null;
}

describe.skipIf(!analyzes)(
  'the unit, as systemd-analyze sees it (skipped where that is not)',
  () => {
    it('is understood, all of it', () => {
      expect(tool('systemd-analyze', 'verify', unit)).toMatchObject({ status: 0, stderr: '' });
    });

    it(`is not exposed more than ${EXPOSURE_MAX / 10}`, () => {
      const args = ['security', '--offline=yes', `--threshold=${EXPOSURE_MAX}`, unit];
      const { status, stdout } = tool('systemd-analyze', ...args);
      expect({ status, said: stdout.trim().split('\n').at(-1) }).toMatchObject({ status: 0 });
    });

    it('says of each protection that it does without why it does', () => {
      const args = ['security', '--offline=yes', '--json=short', unit];
      const findings = JSON.parse(tool('systemd-analyze', ...args).stdout) as Finding[];
      const without = findings
        .filter(({ set, exposure }) => set === false && exposure !== null && exposure !== '0.0')
        // "RestrictAddressFamilies=~AF_UNIX": the directive and what of it.
        .map(({ name }) => name.replace(/[=/].*$/, ''));
      expect(without).toContain('MemoryDenyWriteExecute');
      const reasons = readFileSync(unit, 'utf8').split('# Not used, and why:')[1] ?? '';
      const unexplained = without.filter((name) => !new RegExp(`^# ${name}=`, 'm').test(reasons));
      expect(unexplained).toEqual([]);
    });
  },
);

describe('the unit', () => {
  const settings = (): Map<string, string> =>
    new Map(
      readFileSync(unit, 'utf8')
        .split('\n')
        .filter((line) => /^[A-Z]\w+=/.test(line))
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );

  it('runs this node and this sdm-agent', () => {
    expect(settings().get('ExecStart')).toBe(
      `${process.execPath} ${join(projectDir(), 'bin/sdm-agent')} serve --config /etc/sdm/agent.json`,
    );
  });

  it('has no capability and a user of its own', () => {
    expect(settings().get('CapabilityBoundingSet')).toBe('');
    expect(settings().get('AmbientCapabilities')).toBe('');
    expect(settings().get('User')).toBe('sdm-agent');
  });
});

describe.skipIf(!has('systemd-sysusers') || process.getuid?.() !== 0)(
  'user and group (skipped without root and systemd-sysusers)',
  () => {
    it('are what the unit names', () => {
      const root = join(scratch, 'users');
      mkdirSync(join(root, 'etc'), { recursive: true });
      const conf = join(projectDir(), 'deploy/sysusers.d/sdm.conf');
      expect(tool('systemd-sysusers', `--root=${root}`, conf)).toMatchObject({ status: 0 });
      const gid = /^sdm:x:(\d+):$/m.exec(readFileSync(join(root, 'etc/group'), 'utf8'))?.[1];
      expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).toMatch(
        new RegExp(`^sdm-agent:x:\\d+:${gid}:.*/nologin$`, 'm'),
      );
    });
  },
);
