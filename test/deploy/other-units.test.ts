import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectDir } from '../../src/common/paths.js';
import { nodesOf, treeOf } from '../../src/cli/completion/tree.js';
import { PROGRAMS } from '../../src/cli/programs.js';
import { parseConfig } from '../../src/controller/config.js';
import { scratchDir } from '../support/scratch.js';

/** Tenths: what `systemd-analyze security` may find at most. */
const EXPOSURE_MAX = 25;
const scratch = scratchDir('units');

it('makes the directory of the socket where the controller is, for itself and for who asks it', async () => {
  const project = (path: string): string => readFileSync(join(projectDir(), path), 'utf8');
  const unit = project('deploy/systemd/sdm-controller.service');
  const [, directory = ''] = /^RuntimeDirectory=(.*)$/m.exec(unit) ?? [];
  const address = `unix:/run/${directory}/controller.sock`;
  const config = parseConfig({ topology: '/etc/sdm/topology.json' }, 'test');
  expect(config.listen).toEqual([address]);
  const tree = treeOf(await PROGRAMS['sdm']!());
  const defaults = [...nodesOf(tree)]
    .flatMap(({ options }) => options)
    .filter(({ long }) => long === '--controller')
    .map(({ defaultValue }) => defaultValue as unknown)
    .filter((found) => found !== undefined);
  expect(new Set(defaults)).toEqual(new Set([address]));
  expect(project('clients/python/sdm/transport.py')).toContain(`DEFAULT_ADDRESS = "${address}"`);
});

function analyze(...args: readonly string[]) {
  return spawnSync('systemd-analyze', args, { encoding: 'utf8', timeout: 20_000 });
}

interface Finding {
  readonly set: boolean | null;
  readonly name: string;
  readonly exposure: string | null;
}

describe.each(['sdm-controller', 'sdm-dbmc'])('the unit of %s', (daemon) => {
  const shipped = readFileSync(join(projectDir(), `deploy/systemd/${daemon}.service`), 'utf8');
  const lines = shipped.split('\n');

  it('has a user of its own, which sysusers makes, and no capability', () => {
    expect(lines).toContain(`User=${daemon}`);
    expect(lines).toContain('CapabilityBoundingSet=');
    const users = readFileSync(join(projectDir(), `deploy/sysusers.d/${daemon}.conf`), 'utf8');
    expect(users).toContain(`u ${daemon} -:sdm `);
  });

  it('names the paths that installing replaces, and a page that is there', () => {
    const project = '/usr/local/lib/node_modules/sdm';
    const [, path = ''] =
      new RegExp(`^Documentation=file://${project}/(.*)$`, 'm').exec(shipped) ?? [];
    expect(() => readFileSync(join(projectDir(), path))).not.toThrow();
    expect(shipped).toContain(`ExecStart=/usr/bin/node ${project}/bin/${daemon} serve --config `);
    expect(() => readFileSync(join(projectDir(), 'bin', daemon))).not.toThrow();
  });

  describe.skipIf(analyze('--version').status !== 0)('as systemd-analyze sees it', () => {
    const unit = join(scratch, `${daemon}.service`);
    mkdirSync(scratch, { recursive: true });
    writeFileSync(
      unit,
      shipped
        .replace('/usr/bin/node ', `${process.execPath} `)
        .replace('/usr/local/lib/node_modules/sdm/bin', join(projectDir(), 'bin')),
    );

    it('is understood, all of it', () => {
      expect(analyze('verify', unit)).toMatchObject({ status: 0, stderr: '' });
    });

    it(`is not exposed more than ${EXPOSURE_MAX / 10}`, () => {
      const { status } = analyze('security', '--offline=yes', `--threshold=${EXPOSURE_MAX}`, unit);
      expect(status).toBe(0);
    });

    it('says of each protection that it does without why it does', () => {
      const { stdout } = analyze('security', '--offline=yes', '--json=short', unit);
      const without = (JSON.parse(stdout) as Finding[])
        .filter(({ set, exposure }) => set === false && exposure !== null && exposure !== '0.0')
        .map(({ name }) => name.replace(/[=/].*$/, ''));
      const reasons = shipped.split('# Not used, and why:')[1] ?? '';
      const unexplained = without.filter((name) => !new RegExp(`^# ${name}=`, 'm').test(reasons));
      expect(unexplained).toEqual([]);
    });
  });
});
