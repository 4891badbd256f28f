import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectDir } from '../../src/common/paths.js';

const SETUP = join(projectDir(), 'scripts/setup.mjs');
const PACKAGES = join(projectDir(), 'scripts/setup/packages.mjs');
/** Up to date, set-up takes a second or two; on a busy machine more. */
const TIMEOUT_MS = 120_000;

function setup(...args: string[]): ReturnType<typeof spawnSync> & { stdout: string } {
  const result = spawnSync(process.execPath, [SETUP, ...args], {
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  });
  return result;
}

describe('set-up', { timeout: TIMEOUT_MS }, () => {
  it.each([[[]], [['--']], [['demo']]])('says how it is used with %j', (args) => {
    const { status, stderr } = setup(...args);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^usage: /);
  });

  it('runs the command with its arguments and gives its exit code', () => {
    const code = 'console.log(JSON.stringify(process.argv.slice(1))); process.exitCode = 7';
    const { status, stdout } = setup('--', 'node', '-e', code, '--', '--keep', 'a b');
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('["--keep","a b"]');
    expect(status).toBe(7);
  });

  it('names a command that cannot be started', () => {
    const { status, stderr } = setup('--', '/nonexistent/program');
    expect(status).toBe(127);
    expect(stderr).toContain('/nonexistent/program could not be started');
  });

  it('passes a Ctrl-C on once, however many send it, and waits for the command', async () => {
    // Ends at a byte on its standard input, so that a second signal would have had its time.
    const code = `let n = 0; process.on('SIGINT', () => console.log('SIGINT', ++n));
      process.stdin.once('data', () => { process.exitCode = 130; process.stdin.destroy(); });
      console.log('started');`;
    const child = spawn(process.execPath, [SETUP, '--', 'node', '-e', code], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    const ended = new Promise((resolve) => child.once('close', resolve));
    await expect.poll(() => output, { timeout: TIMEOUT_MS / 2 }).toContain('started');
    // As a terminal does, to the whole group, and npm after it, to the one it started.
    process.kill(-(child.pid ?? 0), 'SIGINT');
    child.kill('SIGINT');
    await expect.poll(() => output, { timeout: TIMEOUT_MS / 4 }).toContain('SIGINT 1');
    child.stdin.end('x');
    expect(await ended).toBe(130);
    expect(output).not.toContain('SIGINT 2');
  });
});

describe('a command of set-up', () => {
  const STEPS = join(projectDir(), 'scripts/setup/steps.mjs');
  const password = 'http://me:secret@proxy.invalid:3128/';

  /** What run() says of a command that fails. */
  function complaint(argv: string[], options: object, env: NodeJS.ProcessEnv = {}): string {
    const code = `import(${JSON.stringify(STEPS)}).then((m) =>
      m.run(${JSON.stringify(argv)}, ${JSON.stringify(options)})
        .catch((error) => console.log('FAILED', error.message)))`;
    return spawnSync(process.execPath, ['-e', code], {
      encoding: 'utf8',
      env: { ...process.env, VERBOSE: '', ...env },
      timeout: TIMEOUT_MS,
    }).stdout;
  }

  it.each<[string, string[], object, string]>([
    ['cannot be started', ['/nonexistent'], {}, '/nonexistent: '],
    ['ends with a code', ['sh', '-c', 'echo why >&2; exit 3'], {}, 'ended with 3.\nwhy'],
    ['is killed', ['sh', '-c', 'kill -KILL $$'], {}, 'was killed by SIGKILL'],
    [
      'does not end, with its children',
      ['sh', '-c', 'echo waiting; sleep 600; :'],
      { minutes: 0.01, hint: 'Try again.' },
      'did not end within 0.01 minutes and was stopped.\nwaiting\nTry again.',
    ],
  ])('that %s is named, with what is known', (_, argv, options, said) => {
    const text = complaint(argv, options);
    expect(text).toMatch(/^FAILED /);
    expect(text).toContain(said);
  });

  it('does not show passwords of proxies, in its log neither', () => {
    const artifacts = mkdtempSync(join(tmpdir(), 'sdm-setup-'));
    try {
      const argv = ['sh', '-c', `echo ${password}; exit 1`];
      const text = complaint(argv, {}, { VERBOSE: '1', ARTDIR: artifacts });
      const log = readFileSync(join(artifacts, 'fabric_emulation.log'), 'utf8');
      for (const shown of [text, log]) {
        expect(shown).toContain('http://me:***@proxy.invalid:3128/');
        expect(shown).not.toContain('secret');
      }
    } finally {
      rmSync(artifacts, { recursive: true });
    }
  });
});

describe('Debian packages', () => {
  /** What a plain JavaScript module of set-up answers. */
  function ask(expression: string): unknown {
    const code = `import(${JSON.stringify(PACKAGES)}).then((m) => console.log(JSON.stringify(${expression})))`;
    const { stdout } = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });
    return JSON.parse(stdout);
  }

  it('each have a reason, and cross compilers only where they cross', () => {
    const amd64 = ask('m.neededPackages("amd64")') as { name: string; why: string }[];
    expect(amd64.every(({ name, why }) => /^[a-z0-9+.-]+$/.test(name) && why.length > 5)).toBe(
      true,
    );
    const arm64 = ask('m.neededPackages("arm64")') as { name: string }[];
    const names = (list: { name: string }[]): string[] => list.map(({ name }) => name);
    expect(names(amd64)).toContain('gcc-aarch64-linux-gnu');
    expect(names(arm64)).toContain('g++');
    expect(names(arm64).filter((name) => /aarch64|cross/.test(name))).toEqual([]);
  });

  it('are installed only if dpkg says exactly that', () => {
    const text = 'a installed\\nb config-files\\nc not-installed\\nd half-configured\\n';
    expect(ask(`[...m.installedNames("${text}")]`)).toEqual(['a']);
  });
});
