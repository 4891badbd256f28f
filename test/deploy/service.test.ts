import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/agent/config.js';
import { spanMs } from '../../src/service/status.js';
import { whyUnreachable } from '../../src/service/reachable.js';
import { sdmAgent } from '../support/agent.js';
import { scratchDir } from '../support/scratch.js';

const scratch = scratchDir('service');
let trees = 0;
/** A tree to install into that no other test has. */
const newTree = (): string => join(scratch, `tree ${++trees}`);
const UNIT = 'etc/systemd/system/sdm-agent.service';
const CONFIG = 'etc/sdm/agent.json';

const service = (...args: string[]) => sdmAgent(['service', ...args]);
const filesIn = (root: string): string[] =>
  existsSync(root)
    ? readdirSync(root, { recursive: true, encoding: 'utf8' })
        .filter((name) => statSync(join(root, name)).isFile())
        .sort()
    : [];

describe('sdm-agent service', () => {
  it.each([[['install', '--no-such']], [['start']], [['install', '--root']]])(
    'does not understand %j',
    async (args) => {
      expect(await service(...args)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/^sdm-agent: SDM_USAGE: /),
      });
    },
  );

  it('refuses a program that the service could not see, and changes nothing', async () => {
    const { code, stderr } = await service('install', '--node', join(scratch, 'node'));
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('SDM_INPUT: the service cannot use'),
    });
    expect(stderr).toContain('--node');
  });

  it('says where it cannot write, and what to do', async () => {
    const tree = newTree();
    mkdirSync(tree);
    writeFileSync(join(tree, 'etc'), 'in the way');
    expect(await service('install', '--root', tree)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /SDM_SYSTEM: .*\/etc\/sysusers\.d\/sdm\.conf cannot be changed/,
      ),
    });
  });
});

describe('install', () => {
  it('only says what it would do with --dry-run', async () => {
    const tree = newTree();
    const dry = await service('install', '--root', tree, '--dry-run');
    expect(filesIn(tree)).toEqual([]);
    const real = await service('install', '--root', tree);
    expect(real).toEqual(dry);
    expect(dry.stdout.trim().split('\n').sort()).toEqual(
      filesIn(tree)
        .map((path) => `write   /${path}  (new)`)
        .sort(),
    );
  });

  it('gives a configuration that the agent takes', async () => {
    const tree = newTree();
    mkdirSync(join(tree, 'etc'), { recursive: true });
    writeFileSync(join(tree, 'etc/hostname'), 'brick-7.example.org\n');
    await service('install', '--root', tree);
    const config = parseConfig(JSON.parse(readFileSync(join(tree, CONFIG), 'utf8')), CONFIG);
    expect(config).toMatchObject({ brick: 'brick-7', socketGroup: 'sdm', shares: [] });
  });

  it('makes files that everybody can read, whatever the umask', async () => {
    const tree = newTree();
    const umask = process.umask(0o077);
    try {
      await service('install', '--root', tree);
    } finally {
      process.umask(umask);
    }
    for (const file of filesIn(tree)) expect(statSync(join(tree, file)).mode & 0o777).toBe(0o644);
  });

  it('can be done again: what is changed is mended, the configuration is left', async () => {
    const tree = newTree();
    await service('install', '--root', tree);
    const unit = readFileSync(join(tree, UNIT), 'utf8');
    writeFileSync(join(tree, UNIT), 'of an older version');
    writeFileSync(join(tree, CONFIG), '{}');
    const { stdout } = await service('install', '--root', tree);
    expect(stdout).toContain(`write   /${UNIT}  (was different)`);
    expect(stdout).toContain(`keep    /${CONFIG}  (yours)`);
    expect(stdout).toContain('keep    /etc/udev/rules.d/60-sdm.rules  (as it should be)');
    expect(readFileSync(join(tree, UNIT), 'utf8')).toBe(unit);
    expect(readFileSync(join(tree, CONFIG), 'utf8')).toBe('{}');
  });

  it("takes a package's places", async () => {
    const tree = newTree();
    await service('install', '--root', tree, '--prefix', '/usr');
    expect(filesIn(tree).map((path) => path.replace(/.*50-backoff.conf$/, ''))).toEqual(
      expect.arrayContaining([
        CONFIG,
        'usr/lib/systemd/system/sdm-agent.service',
        'usr/lib/sysusers.d/sdm.conf',
        'usr/lib/udev/rules.d/60-sdm.rules',
      ]),
    );
  });

  it('writes paths as systemd reads them', async () => {
    const tree = newTree();
    const named = ['--node', '/opt/no de/100%/node', '--program', '/opt/$HOME/"x"/sdm-agent'];
    await service('install', '--root', tree, ...named);
    expect(readFileSync(join(tree, UNIT), 'utf8')).toContain(
      'ExecStart="/opt/no de/100%%/node" "/opt/$$HOME/\\"x\\"/sdm-agent" serve ',
    );
  });
});

describe('remove', () => {
  it('leaves what is the operator’s, and nothing else', async () => {
    const tree = newTree();
    await service('install', '--root', tree);
    const { code, stdout } = await service('remove', '--root', tree);
    expect(code).toBe(0);
    expect(filesIn(tree)).toEqual([CONFIG]);
    expect(stdout).toContain(`keep    /${CONFIG}  (yours)`);
    expect((await service('remove', '--root', tree)).stdout).toContain('nothing to remove');
  });
});

describe('status', () => {
  const status = async (tree: string) => {
    const { code, stdout } = await service('status', '--root', tree, '--json');
    const found = JSON.parse(stdout) as { ok: boolean; files: { path: string; state: string }[] };
    return { code, ok: found.ok, states: new Map(found.files.map((f) => [f.path, f.state])) };
  };

  it('says what is missing, as it should be, different or yours', async () => {
    const tree = newTree();
    const none = await status(tree);
    expect(none).toMatchObject({ code: 1, ok: false });
    expect([...none.states.values()]).toEqual([...none.states.keys()].map(() => 'missing'));

    // Paths that are named once are known from the unit afterwards.
    await service('install', '--root', tree, '--node', '/opt/node', '--program', '/opt/sdm-agent');
    expect(await status(tree)).toMatchObject({ code: 0, ok: true });

    writeFileSync(join(tree, CONFIG), '{}');
    writeFileSync(join(tree, 'etc/udev/rules.d/60-sdm.rules'), '');
    const changed = await status(tree);
    expect(changed).toMatchObject({ code: 1, ok: false });
    expect(changed.states.get(`/${CONFIG}`)).toBe('yours');
    expect(changed.states.get('/etc/udev/rules.d/60-sdm.rules')).toBe('different');
  });
});

describe('what the service can reach', () => {
  it.each([
    ['/root/.nvm/node', 'lies in /root'],
    ['/home/ada/sdm/bin/sdm-agent', 'lies in /home'],
    ['/tmp/sdm-agent', 'lies in /tmp'],
    ['/usr/bin/no-such-node', 'does not exist'],
  ])('is not %s', (path, why) => {
    expect(whyUnreachable(path)).toContain(why);
  });

  it('is a program of the system', () => {
    expect(whyUnreachable('/usr/bin/env')).toBeUndefined();
  });
});

describe('spans of time as systemd prints them', () => {
  it.each([
    ['30s', 30_000],
    ['1min 30s', 90_000],
    ['2h', 7_200_000],
    ['500ms', 500],
    ['0', 0],
    ['infinity', 0],
    ['', 0],
  ])('%s', (text, ms) => {
    expect(spanMs(text)).toBe(ms);
  });
});
