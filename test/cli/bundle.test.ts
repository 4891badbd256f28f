import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { get } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runInThisContext } from 'node:vm';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectDir } from '../../src/common/paths.js';
import { makeBrick, sdmAgent } from '../support/agent.js';
import { finished, startProgram, type CliResult } from '../support/cli.js';

/** An installation of which no cache was made, as by `npm install --ignore-scripts`. */
const installed = mkdtempSync(join(tmpdir(), 'sdm-bundle-'));
for (const path of ['bin', 'dist/bundle', 'package.json']) {
  cpSync(join(projectDir(), path), join(installed, path), { recursive: true });
}
symlinkSync(join(projectDir(), 'build'), join(installed, 'build'));
afterAll(() => rmSync(installed, { recursive: true }));

describe('the code cache of a user', () => {
  let home: string;
  let code: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'sdm-home-'));
    code = join(home, 'sdm/code');
  });
  afterEach(() => rmSync(home, { recursive: true }));

  const list = (env: NodeJS.ProcessEnv = {}): Promise<CliResult> =>
    finished(
      startProgram(join(installed, 'bin/sdm-agent'), ['list', '--socket', join(home, 'none')], {
        NODE_OPTIONS: undefined,
        CACHE_DIRECTORY: undefined,
        XDG_CACHE_HOME: home,
        ...env,
      }),
    );
  const refused = { code: 3, stderr: expect.stringContaining('sdm-agent: SDM_UNREACHABLE: ') };
  const saved = (): string[] => {
    const [directory = ''] = readdirSync(code);
    return readdirSync(join(code, directory)).map((name) => join(code, directory, name));
  };

  it.each([
    ['lies in a file', (): void => writeFileSync(join(home, 'sdm'), '')],
    ['cannot be made', (): void => chmodSync(home, 0o500)],
  ])('is done without where it %s', async (_, spoil) => {
    spoil();
    expect(await list()).toMatchObject(refused);
    chmodSync(home, 0o700);
  });

  it('is done without where there is no home', async () => {
    const env = { XDG_CACHE_HOME: undefined, HOME: undefined, CACHE_DIRECTORY: '/proc/none' };
    expect(await list(env)).toMatchObject(refused);
  });

  it('is neither read nor written where others may write', async () => {
    await list();
    const files = saved();
    const directory = join(files[0]!, '..');
    for (const file of files) rmSync(file);
    chmodSync(directory, 0o777);
    expect(await list()).toMatchObject(refused);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('is not touched by a run with flags of its own', async () => {
    expect(await list({ NODE_OPTIONS: '--stack-trace-limit=5' })).toMatchObject(refused);
    expect(existsSync(code)).toBe(false);
  });

  it.each([
    ['cut off', (whole: Buffer): Buffer => whole.subarray(0, 1000)],
    ['empty', (): Buffer => Buffer.alloc(0)],
    ['of something else', (): Buffer => Buffer.from('not a cache at all'.repeat(100))],
  ])('is made again where it is %s', async (_, spoil) => {
    await list();
    const file = join(saved()[0]!, '../main.js.cache');
    const whole = readFileSync(file);
    writeFileSync(file, spoil(whole));
    expect(await list()).toMatchObject(refused);
    expect(readFileSync(file).length).toBeGreaterThan(whole.length / 2);
  });

  it('is known by the bundle, by Node and by the machine, and is left as it is', async () => {
    expect(await list()).toMatchObject(refused);
    expect(readdirSync(code)).toEqual([
      expect.stringMatching(new RegExp(`^[0-9a-f]{16}-${process.version}-${process.arch}$`)),
    ]);
    const files = saved();
    expect(files.map((file) => statSync(file).mode & 0o777)).toEqual(files.map(() => 0o644));
    const inodes = files.map((file) => statSync(file).ino);
    expect(await list()).toMatchObject(refused);
    expect(saved().map((file) => statSync(file).ino)).toEqual(inodes);
  });

  it('does not pile up', async () => {
    const older = [1, 2, 3, 4].map((n) => `${n}000000000000000-v20.0.0-x64`);
    for (const name of [...older, 'something else']) {
      mkdirSync(join(code, name), { recursive: true });
    }
    await list();
    const left = readdirSync(code);
    expect(left).toContain('something else');
    expect(left.filter((name) => name.includes('-v'))).toHaveLength(3);
  });

  it('lies where systemd says', async () => {
    await list({ CACHE_DIRECTORY: `${join(home, 'mine')}:${join(home, 'other')}` });
    expect(existsSync(join(home, 'mine/code'))).toBe(true);
    expect(existsSync(code)).toBe(false);
  });
});

function statusOf(socketPath: string, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get({ socketPath, path, agent: false }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode));
    }).once('error', reject);
  });
}

describe('the bundle', () => {
  it('finds all that is loaded on demand', async () => {
    const brick = await makeBrick();
    try {
      await brick.start();
      for (const path of ['/v1/attachments', '/openapi.json', '/metrics']) {
        expect([path, await statusOf(brick.socket, path)]).toEqual([path, 200]);
      }
    } finally {
      await brick.remove();
    }
  });

  // Of a command line that names one, only that command is made.
  it('knows each command that its help lists', async () => {
    const { stdout } = await sdmAgent(['--help']);
    const commands = /^Commands:\n((?: .*\n)+)/m.exec(stdout)![1]!;
    const names = [...commands.matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name!);
    expect(names).toEqual(expect.arrayContaining(['serve', 'attach', 'detach', 'list', 'help']));
    for (const name of names.filter((each) => each !== 'help')) {
      const help = await sdmAgent([name, '--help']);
      expect(help.stdout).toMatch(new RegExp(`^Usage: sdm-agent ${name} `));
    }
  });

  // The loader that is in the bundle would run a command.
  it('has parts that all have what they export', () => {
    const directory = join(projectDir(), 'dist/bundle');
    const makers: Record<string, (...values: unknown[]) => void> = {};
    for (const file of readdirSync(directory).filter((name) => name.endsWith('.js'))) {
      Object.assign(makers, runInThisContext(readFileSync(join(directory, file), 'utf8')));
    }
    const parts = new Map<string, { exports: object }>();
    const requirePart = (name: string): unknown => {
      if (!name.startsWith('./')) return createRequire(import.meta.url)(name) as unknown;
      const known = parts.get(name);
      if (known !== undefined) return known.exports;
      const part = { exports: {} };
      parts.set(name, part);
      const url = pathToFileURL(join(directory, name)).href;
      const given = [part.exports, requirePart, part, name, directory, url, requirePart, part];
      makers[name.slice(2)]!(...given);
      return part.exports;
    };
    const names = Object.keys(makers).filter((name) => !name.startsWith('sdm-agent'));
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) {
      const entries = Object.entries(requirePart(`./${name}`) as object);
      expect([name, entries]).toEqual([name, expect.arrayContaining([['__esModule', true]])]);
      expect([name, entries.filter(([, value]) => value === undefined)]).toEqual([name, []]);
    }
  });

  it('examines a brick', async () => {
    const brick = await makeBrick();
    try {
      const { stdout, stderr } = await sdmAgent(['doctor', '--config', brick.config, '--json']);
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toMatchObject({ findings: expect.any(Array) });
    } finally {
      await brick.remove();
    }
  });

  it('leads from a stack to the place', () => {
    const text = readFileSync(join(projectDir(), 'dist/bundle/serve.js'), 'utf8');
    expect(text).toMatch(/^async function serve\(config\) \{$/m);
  });
});
