import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateText } from '../../src/controller/inventory/generate.js';
import { startDaemon, type Daemon } from '../../src/iaas/daemon.js';
import { finished, sdm as runSdm, type CliResult } from '../support/cli.js';
import { makePki, type TestPki } from '../support/pki.js';
import { scratchDir } from '../support/scratch.js';

const dir = scratchDir('access');
const bin = (name: string): string => resolve(import.meta.dirname, '../../bin', name);
const socket = `unix:${join(dir, 'controller.sock')}`;
const hasScript = spawnSync('script', ['--version']).status === 0;

let pki: TestPki;
let controller: Daemon;
let https: string;
beforeAll(async () => {
  pki = await makePki();
  const topology = join(dir, 'topology.json');
  writeFileSync(topology, [...generateText({ boxes: 1, compute: 12, memory: 4 })].join(''));
  const own = await pki.issue('controller', 'rack');
  await token('alice', 'operator');
  const argv = [
    ...[bin('sdm-controller'), 'serve', '--topology', topology, '--store', join(dir, 'store')],
    ...['--listen', socket, '--listen', 'https://127.0.0.1:0', '--pki', own],
    ...['--tokens', join(pki.dir, 'tokens.json')],
  ];
  controller = await startDaemon({ name: 'the controller', argv: argv as [string] });
  https = (controller.ready['listen'] as string[]).find((each) => each.startsWith('https:'))!;
}, 60_000);
afterAll(() => controller?.stop());

/** @returns the file that holds it. */
async function token(name: string, role: string): Promise<string> {
  const { code, stdout, stderr } = await runSdm(['pki', 'token', pki.dir, name, '--role', role]);
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  const path = join(dir, `${name}.token`);
  writeFileSync(path, stdout);
  chmodSync(path, 0o600);
  return path;
}

const sdm = (args: string[], env: NodeJS.ProcessEnv): Promise<CliResult> =>
  runSdm(args, { env: { SDM_CONTROLLER: https, ...env } });

describe('a controller behind TLS', () => {
  it('knows an operator by a certificate', async () => {
    const SDM_PKI = await pki.issue('operator', 'bob');
    const { code, stdout, stderr } = await sdm(['totals'], { SDM_PKI });
    expect([code, stderr, stdout]).toEqual([0, '', expect.stringContaining('48 of 48 free')]);
  });

  it('knows people by tokens, and what they may do', async () => {
    const SDM_PKI = await pki.issue('operator', 'trust-only');
    const env = { SDM_PKI, SDM_TOKEN_FILE: await token('vera', 'viewer') };
    expect(await sdm(['brick', 'list'], env)).toMatchObject({ code: 0 });
    const strange = join(dir, 'strange.token');
    writeFileSync(strange, 'a b\n');
    expect(await sdm(['totals'], { SDM_PKI, SDM_TOKEN_FILE: strange })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('holds no token; expected one line'),
    });
  });

  it('is not taken for another authority’s', async () => {
    const other = await makePki('other');
    const { code, stderr } = await sdm(['totals'], { SDM_PKI: await other.issue('operator', 'x') });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^sdm: SDM_(PEER|UNREACHABLE): /)]);
  });
});

describe.skipIf(!hasScript)('sdm top on a terminal', () => {
  it('stands still, shows what there is room for, ends at q and leaves the terminal as it was', async () => {
    const command = `stty rows 10 cols 50; exec ${bin('sdm')} top -i 1 --controller ${socket}`;
    const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: 'pipe' });
    let text = '';
    let typed = false;
    child.stdout.setEncoding('latin1').on('data', (part: string) => {
      text += part;
      // the second page
      if (typed || text.split('\x1b[H').length < 3) return;
      typed = true;
      child.stdin.write('q');
    });
    const code = await new Promise((done) => child.once('close', done));
    expect(code).toBe(0);
    expect(text.startsWith('\x1b[?1049h\x1b[?25l')).toBe(true);
    expect(text.slice(-14)).toBe('\x1b[?25h\x1b[?1049l');
    const [, page = ''] = text.split('\x1b[H');
    const lines = page.replaceAll(/\x1b\[[KJ]/g, '').split(/\r*\n/);
    expect(lines).toHaveLength(10);
    expect(lines[0]).toMatch(/^sdm top +\d\d:\d\d:\d\d +every 1 s, q ends$/);
    expect(lines[4]).toMatch(/^0\.0\.0 +compute +inventory +0\/4/);
    expect(lines[9]).toContain('11 more lines');
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(50);
  });

  it('is refused like everything else', async () => {
    const command = `exec ${bin('sdm')} top --controller unix:${dir}/none`;
    const { code, stdout } = await finished(spawn('script', ['-qec', command, '/dev/null']));
    expect([code, stdout]).toEqual([1, expect.stringContaining('sdm: SDM_UNREACHABLE: ')]);
    expect(stdout).toContain('\x1b[?1049l');
  });
});
