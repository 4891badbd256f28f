import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { makeToken } from '../../../src/pki/index.js';
import { makePki } from '../../support/pki.js';
import { scratchDir } from '../../support/scratch.js';
import { makePlace, startController, type Running } from './start.js';
import { smallTopology } from './topology.js';

const PACKAGE = resolve(import.meta.dirname, '../../../clients/python');
const dir = scratchDir('controller-python');
let controller: Running | undefined;
afterAll(() => controller?.stop());

function unittest(env: NodeJS.ProcessEnv): Promise<{ code: number; stderr: string }> {
  const args = ['-B', '-m', 'unittest', 'discover', '-s', 'tests', '-t', '.'];
  return new Promise((done) => {
    const options = { cwd: PACKAGE, env: { PATH: process.env['PATH'], ...env }, timeout: 60_000 };
    execFile('python3', args, options, (error, _stdout, stderr) =>
      done({ code: error === null ? 0 : Number(error.code ?? -1), stderr }),
    );
  });
}

it('the tests of the Python package pass at a real controller, over a socket and TLS', async () => {
  const pki = await makePki();
  const [own, operator] = await Promise.all([
    pki.issue('controller', 'rack'),
    pki.issue('operator', 'py'),
  ]);
  const token = readFileSync(makeToken(pki.dir, 'looks', 'viewer'), 'utf8').trim();
  const place = makePlace(join(dir, 'c'), smallTopology(), {
    listen: [`unix:${join(dir, 'c/c.sock')}`, 'https://127.0.0.1:0'],
    ...{ pki: own, tokens: join(pki.dir, 'tokens.json') },
  });
  controller = await startController(place);
  const https = controller.listen.find((each) => each.startsWith('https'));
  const { code, stderr } = await unittest({
    SDM_CONTROLLER: place.address,
    ...(https === undefined ? {} : { SDM_TEST_HTTPS: https }),
    ...{ SDM_TEST_PKI: operator, SDM_TEST_CA: pki.dir, SDM_TEST_TOKEN: token },
  });
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/Ran \d\d tests/);
  expect(stderr).not.toContain('skipped');
}, 120_000);
