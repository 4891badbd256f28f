import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectDir } from '../../src/common/paths.js';

const SCRIPT = join(projectDir(), 'scripts/test.mjs');
/** vitest starts in a few seconds; on a busy machine in many. */
const TIMEOUT_MS = 120_000;

let scratch: string;
let running: { child: ChildProcess; ended: Promise<Ended> } | undefined;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'sdm-script-'));
  mkdirSync(join(scratch, 'shm'));
  writeFileSync(join(scratch, 'vitest.config.mjs'), 'export default { test: { globals: true } };');
});
afterEach(async () => {
  // Where an expectation failed before it ended.
  running?.child.kill('SIGTERM');
  await running?.ended;
  rmSync(scratch, { recursive: true });
});

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs the script with one file of tests in the place of ours. */
function testScript(body: string): {
  kill: (signal: NodeJS.Signals) => void;
  ended: Promise<Ended>;
} {
  writeFileSync(join(scratch, 'one.test.mjs'), body);
  const child = spawn(process.execPath, [SCRIPT, '--root', scratch], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, SDM_SHM: join(scratch, 'shm') },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const ended = new Promise<Ended>((resolve) => {
    const deadline = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS - 10_000);
    child.once('close', (code) => {
      clearTimeout(deadline);
      resolve({ code, output });
    });
  });
  running = { child, ended };
  return { kill: (signal) => void child.kill(signal), ended };
}

/** A test that leaves a rack and a process of a session of its own, and tells where. */
const LEAVES = `
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
const rack = process.env.SDM_STATE + '/racks/left';
const leave = () => {
  mkdirSync(rack + '/brick-1', { recursive: true });
  mkdirSync(process.env.SDM_SHM + '/sdm-' + process.getuid() + '-left');
  const { pid } = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
  writeFileSync(import.meta.dirname + '/left.json', JSON.stringify({ rack, pid }));
};
`;

function expectNothingLeft(): void {
  const { rack, pid } = JSON.parse(readFileSync(join(scratch, 'left.json'), 'utf8')) as {
    rack: string;
    pid: number;
  };
  expect(existsSync(rack)).toBe(false);
  expect(existsSync(join(scratch, 'shm', `sdm-${process.getuid?.()}-left`))).toBe(false);
  // A zombie, where nobody reaps it, has no command line.
  const commandLine = `/proc/${pid}/cmdline`;
  expect(existsSync(commandLine) ? readFileSync(commandLine, 'utf8') : '').toBe('');
}

describe('npm test', { timeout: TIMEOUT_MS }, () => {
  it('fails where a test fails, and takes down what that left', async () => {
    const run = testScript(`${LEAVES} test('x', () => { leave(); throw new Error('no'); });`);
    const { code, output } = await run.ended;
    expect({ code, output }).toMatchObject({
      code: 1,
      output: expect.stringContaining('\n0 passed, 1 failed\n'),
    });
    expectNothingLeft();
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends at %s, counts nothing and leaves nothing', async (signal, expected) => {
    const run = testScript(
      `${LEAVES} test('x', async () => { leave(); await new Promise(() => {}); }, 600_000);`,
    );
    const left = expect
      .poll(() => existsSync(join(scratch, 'left.json')), { timeout: TIMEOUT_MS / 2 })
      .toBe(true);
    const early = run.ended.then(({ output }) => expect.fail(`it ended early:\n${output}`));
    await Promise.race([left, early]);
    early.catch(() => {}); // Now it is to end.
    run.kill(signal);
    const { code, output } = await run.ended;
    expect({ code, output }).toMatchObject({
      code: expected,
      output: expect.not.stringMatching(/\d+ passed, \d+ failed/),
    });
    expectNothingLeft();
  });
});
