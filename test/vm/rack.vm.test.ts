import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ensureArtifacts } from '../../src/rack/artifacts/index.js';
import { fromBuffer } from '../../src/abi/codec.js';
import type { RackStatus } from '../../src/rack/index.js';
import { findProcesses } from '../../src/rack/process.js';
import { finished, sdm, startProgram, startSdm, type CliResult } from '../support/cli.js';

/** Names of racks go into /dev/shm, whatever the state directory: they are this run's own. */
const A = `a-${process.pid}`;
const B = `b-${process.pid}`;
const C = `c-${process.pid}`;
const SMALL = ['--bricks', '1', '--pool', '256M', '--memory', '384M'];

const state = mkdtempSync(join(tmpdir(), 'sdm-rack-'));
// Beyond what fits into the path of a Unix socket.
const longState = join(state, 'x'.repeat(100));

function run(args: readonly string[], input?: string, dir = state): Promise<CliResult> {
  return sdm(['rack', ...args], {
    env: { SDM_STATE: dir },
    ...(input !== undefined && { input }),
  });
}

async function ok(args: readonly string[], input?: string, dir = state): Promise<string> {
  const result = await run(args, input, dir);
  expect({ args, ...result }).toMatchObject({ code: 0 });
  return result.stdout;
}

async function status(name: string, dir = state): Promise<RackStatus> {
  const [rack] = JSON.parse(await ok(['status', '-n', name, '--json'], '', dir)) as RackStatus[];
  if (rack === undefined) throw new Error(`no rack ${name}`);
  return rack;
}

/** Processes with a path of this test on their command lines, and ssh's masters by their title. */
function processes(dir = state): readonly number[] {
  return findProcesses((argv) => argv.some((argument) => argument.includes(`${dir}/racks`))).map(
    ({ pid }) => pid,
  );
}

async function expectNothingLeft(name: string, dir = state): Promise<void> {
  expect(existsSync(`/dev/shm/sdm-${process.getuid?.()}-${name}`)).toBe(false);
  const racks = join(dir, 'racks');
  const entries = existsSync(racks) ? readdirSync(racks) : [];
  expect(entries.filter((entry) => entry.startsWith(name))).toEqual([]);
  await expect.poll(() => processes(join(dir, 'racks', name)), { timeout: 20_000 }).toEqual([]);
}

beforeAll(async () => {
  await ensureArtifacts();
});
afterAll(async () => {
  await run(['down', '--all']);
  await run(['down', '--all'], '', longState);
  rmSync(state, { recursive: true });
});

describe('a rack of two bricks', () => {
  beforeAll(async () => {
    await ok(['up', '--name', A, '--pool', '1G', '--memory', '384M']);
  });

  it('refuses a brick that it does not have, and to be made twice', async () => {
    expect(await run(['exec', '-n', A, '3', '--', 'true'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('SDM_NOT_FOUND'),
    });
    expect(await run(['up', '-n', A])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`sdm: SDM_RACK_RUNNING: rack ${A} is up`),
    });
  });

  it('says what it is', async () => {
    const rack = await status(A);
    expect(rack).toMatchObject({
      name: A,
      state: 'running',
      pool: { size: '0x40000000' },
      bricks: [
        { n: 1, state: 'running', attached: '0x0', share: { start: '0x8000000' } },
        { n: 2, state: 'running', attached: '0x0', share: { start: '0x20000000' } },
      ],
    });
    const [one, two] = rack.bricks;
    expect(one?.sshPort).not.toBe(two?.sshPort);
    expect(readFileSync(join(rack.dir, 'brick-1', 'qemu.cmd'), 'utf8')).toContain('mem-path=');
    expect(await ok(['status'])).toContain(A);
  });

  it('passes arguments, input, output and exit code through', async () => {
    expect(await ok(['exec', '-n', A, '1', '--', 'hostname'])).toBe(`${A}-brick1\n`);
    const words = ['two  blanks', '$HOME', "it's", '', '*', 'back\\slash', '"'];
    expect(await ok(['exec', '-n', A, '2', '--', 'printf', '[%s]', ...words])).toBe(
      words.map((word) => `[${word}]`).join(''),
    );
    const script = 'cat; echo error >&2; exit 42';
    expect(await run(['exec', '-n', A, '1', '--', 'sh', '-c', script], 'a\nb')).toEqual({
      code: 42,
      stdout: 'a\nb',
      stderr: 'error\n',
    });
  });

  it('carries a mebibyte of input unharmed', async () => {
    const text = '0123456789abcdef'.repeat(65536);
    expect(await ok(['exec', '-n', A, '2', '--', 'cat'], text)).toBe(text);
  });

  it('lets its own key in and nothing else', async () => {
    const { dir, bricks } = await status(A);
    const ports = bricks.map((brick) => String(brick.sshPort));
    const fresh = ['-o', 'ControlPath=none'];
    const ours = ['-F', join(dir, 'ssh', 'config'), ...fresh];
    const ssh = (words: readonly string[]): Promise<CliResult> =>
      finished(startProgram('ssh', [...words, 'echo in']));
    expect(await ssh([...ours, `${A}-brick1`])).toMatchObject({ code: 0, stdout: 'in\n' });
    // Brick 2 in the place of brick 1 is not believed.
    expect(await ssh([...ours, '-p', ports[1] ?? '', `${A}-brick1`])).toMatchObject({
      code: 255,
      stderr: expect.stringContaining('Host key verification failed'),
    });

    const key = join(state, 'other-key');
    await finished(startProgram('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]));
    const hosts = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'];
    const stranger = ['-F', 'none', '-o', 'BatchMode=yes', ...hosts, '-p', ports[0] ?? ''];
    const methods = [
      ['-i', key],
      ['-o', 'PubkeyAuthentication=no'],
      ['-o', 'PreferredAuthentications=password,keyboard-interactive,none'],
    ];
    for (const method of methods) {
      expect(await ssh([...stranger, ...method, 'root@127.0.0.1'])).toMatchObject({
        code: 255,
        stdout: '',
        // Keys are all that the brick would take.
        stderr: expect.stringContaining('Permission denied (publickey)'),
      });
    }
  });

  it('takes a file in with scp, and gives it back', async () => {
    const config = join((await status(A)).dir, 'ssh', 'config');
    const [there, back] = [join(state, 'there'), join(state, 'back')];
    writeFileSync(there, randomBytes(300_000));
    const remote = `${A}-brick1:/tmp/there`;
    for (const words of [
      [there, remote],
      [remote, back],
    ]) {
      const { code, stderr } = await finished(startProgram('scp', ['-F', config, ...words]));
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    }
    expect(readFileSync(back).equals(readFileSync(there))).toBe(true);
  });

  it('has a console that one can leave', async () => {
    const child = startSdm(['rack', 'console', '-n', A, '2'], { SDM_STATE: state });
    let said = '';
    child.stdout?.on('data', (data) => (said += String(data)));
    const result = new Promise<number | null>((resolve) => child.once('exit', resolve));
    // The shell answers with a word that is not in what was typed.
    child.stdin?.write('echo con""sole-$((40 + 2))\r');
    await expect.poll(() => said, { timeout: 30_000 }).toContain('console-42');
    expect(await run(['console', '-n', A, '2'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('somebody else is at it'),
    });
    child.stdin?.write('\x1d');
    expect(await result).toBe(0);
  });

  it('keeps what consoles said', async () => {
    expect(await ok(['logs', '-n', A, '1'])).toContain('sdm: brick ready');
    expect(await ok(['logs', '-n', A, '1', '--agent'])).toMatch(/./);
  });

  it('is the other side of the links', async () => {
    const { dir } = await status(A);
    const links = (): { status: bigint; downs: readonly bigint[] } => {
      const { header } = fromBuffer(readFileSync(join(dir, 'registers-2')));
      return { status: header.linkStatus, downs: header.linkDowns };
    };
    expect(links()).toEqual({ status: 0b1111n, downs: [0n, 0n, 0n, 0n] });
    expect(await ok(['link', '-n', A, '2', '1', 'down'])).toBe('link 1 of brick 2 is down\n');
    expect(await ok(['link', '-n', A, '2', '1', 'down'])).toContain('already down');
    expect(links()).toEqual({ status: 0b1101n, downs: [0n, 1n, 0n, 0n] });
    await ok(['link', '-n', A, '2', '1', 'up']);
    expect(links()).toEqual({ status: 0b1111n, downs: [0n, 1n, 0n, 0n] });
    expect(await run(['link', '-n', A, '2', '4', 'up'])).toMatchObject({ code: 2 });
  });

  it('takes a link from what goes over it, and the brick sees that at once', async () => {
    const agent = (...words: readonly string[]): Promise<string> =>
      ok(['exec', '-n', A, '2', '--', 'sdm-agent', ...words]);
    const told = async (): Promise<string | undefined> =>
      (await agent('events')).split('\n').findLast((line) => line.includes('link 1 is'));

    await agent('attach', '--size', '64M', '--mode', 'device', '--out-id', '1', '--id', 'over');
    await ok(['link', '-n', A, '2', '1', 'down']);
    await expect
      .poll(told, { timeout: 60_000 })
      .toMatch(/link 1 is down, went down .* so far: over goes over it$/);
    expect(JSON.parse(await agent('list', 'over', '--json'))).toMatchObject({ link: 'down' });
    await ok(['link', '-n', A, '2', '1', 'up']);
    await expect.poll(told, { timeout: 60_000 }).toMatch(/link 1 is up/);
    await agent('detach', 'over');
  });

  it('stands beside another rack, which comes and goes', async () => {
    await ok(['up', '--name', B, ...SMALL]);
    const names = (JSON.parse(await ok(['status', '--json'])) as RackStatus[]).map((r) => r.name);
    expect(names).toEqual([A, B]);
    expect(await ok(['exec', '-n', B, '1', '--', 'hostname'])).toBe(`${B}-brick1\n`);
    const ports = [...(await status(A)).bricks, ...(await status(B)).bricks].map((b) => b.sshPort);
    expect(new Set(ports).size).toBe(3);
    await ok(['down', '-n', B]);
    await expectNothingLeft(B);
    expect(await ok(['exec', '-n', A, '1', '--', 'hostname'])).toBe(`${A}-brick1\n`);
  });

  it('shows a brick that died, and lets the other one live', async () => {
    const pid = (await status(A)).bricks[1]?.pid;
    if (pid === null || pid === undefined) throw new Error('brick 2 has no process');
    process.kill(pid, 'SIGKILL');
    await expect
      .poll(async () => (await status(A)).bricks.map((brick) => brick.state), { timeout: 20_000 })
      .toEqual(['running', 'dead']);
    expect((await status(A)).state).toBe('degraded');
    expect(await run(['exec', '-n', A, '2', '--', 'true'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('SDM_RACK_BRICK'),
    });
    expect(await run(['exec', '-n', A, '1', '--', 'true'])).toMatchObject({ code: 0 });
  });

  it('goes down without a trace, also the second time', async () => {
    expect(await ok(['down', '-n', A])).toBe(`rack ${A} is down\n`);
    await expectNothingLeft(A);
    expect(await ok(['down', '-n', A])).toContain('nothing to do');
  });
});

describe('an up that does not end well', () => {
  afterEach(() => run(['down', '-n', C]));

  /** Starts an up and waits until QEMU runs. */
  async function booting(dir: string): Promise<ReturnType<typeof startSdm>> {
    const child = startSdm(['rack', 'up', '-n', C, ...SMALL], { SDM_STATE: dir });
    const brick = join(dir, 'racks', C, 'brick-1');
    await expect.poll(() => existsSync(join(brick, 'qemu.pid')), { timeout: 60_000 }).toBe(true);
    return child;
  }

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('leaves nothing after %s', async (signal) => {
    const child = await booting(state);
    const result = finished(child);
    child.kill(signal);
    expect(await result).toMatchObject({
      code: 130,
      stderr: expect.stringContaining(`sdm: SDM_CANCELLED: cancelled by ${signal}`),
    });
    await expectNothingLeft(C);
  });

  it('can be cleaned up after it was killed, and started over, in a deep directory', async () => {
    const child = await booting(longState);
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
    // Its brick goes on without it: it is in nobody's way, and known.
    expect(await status(C, longState)).toMatchObject({ state: 'starting' });
    expect(await run(['up', '-n', C, ...SMALL], '', longState)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('SDM_RACK_RUNNING'),
    });
    for (const { pid } of (await status(C, longState)).bricks) {
      if (pid !== null) process.kill(pid, 'SIGKILL');
    }
    await expect
      .poll(async () => (await status(C, longState)).state, { timeout: 20_000 })
      .toBe('dead');
    await ok(['up', '-n', C, ...SMALL], '', longState);
    expect(await ok(['exec', '-n', C, '1', '--', 'hostname'], '', longState)).toBe(`${C}-brick1\n`);
    await ok(['down', '-n', C], '', longState);
    await expectNothingLeft(C, longState);
  });
});
