import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import type { Result } from '../../bench/harness/types.js';

const MAIN = fileURLToPath(new URL('../../dist/bench/main.js', import.meta.url));
const run = promisify(execFile);
const directory = mkdtempSync(path.join(tmpdir(), 'sdm-bench-test-'));

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What a run has on tmpfs. */
function leftBy(pid: number | undefined): string[] {
  return readdirSync('/dev/shm').filter((name) => name.startsWith(`sdm-bench-${pid}-`));
}

interface Failure {
  readonly code: number;
  readonly stderr: string;
}

function failure(args: string[]): Promise<Failure> {
  return run(process.execPath, [MAIN, ...args]).then(
    () => ({ code: 0, stderr: '' }),
    (error: Failure) => error,
  );
}

// Generous: the machine may be busy with other tests, and nothing here waits for time to pass.
describe('bench', { timeout: 120_000 }, () => {
  test.each([
    [['--only', 'nonesuch'], /no suite is called "nonesuch"; there are: memport, bulk, attach/],
    [['--rounds', '0'], /--rounds/],
    [['--rounds', 'x'], /--rounds/],
    [['--fast'], /--fast/],
    [['memport'], /too many arguments/],
  ])('%j makes no sense and is refused', async (args, message) => {
    const { code, stderr } = await failure(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).toContain('bench: SDM_USAGE: ');
  });

  test('--list names the suites and runs none', async () => {
    const { stdout } = await run(process.execPath, [MAIN, '--list']);
    expect(stdout.split('\n').map((line) => line.split(' ')[0])).toContain('memport');
  });

  test('a quick run of memport gives a table, well-formed JSON, and leaves nothing', async () => {
    const file = path.join(directory, 'memport.json');
    const args = [MAIN, '--only', 'memport', '--quick', '--rounds', '2', '--json', file];
    const started = run(process.execPath, args);
    const { stdout } = await started;
    expect(stdout).toContain('C loop, batch of 64');

    const results = JSON.parse(readFileSync(file, 'utf8')) as Result[];
    expect(results.length).toBeGreaterThan(8);
    for (const result of results) {
      expect(Object.keys(result)).toEqual([
        'suite',
        'case',
        'baseline',
        'baselineValue',
        'value',
        'unit',
        'speedup',
        'rounds',
        'readings',
        'baselineReadings',
      ]);
      expect(result).toMatchObject({ suite: 'memport', rounds: 2 });
      expect([result.readings.length, result.baselineReadings.length]).toEqual([2, 2]);
      expect(result.case).toContain('(emulated)');
      expect(Math.min(result.value, result.baselineValue)).toBeGreaterThan(0);
      expect(result.speedup).toBeCloseTo(result.baselineValue / result.value, 6);
    }
    expect(leftBy(started.child.pid)).toEqual([]);
  });

  // The first time Debian's packages of Flask are fetched.
  test.each(['startup', 'rest'])(
    'a quick run of %s holds ours against Flask',
    async (suite) => {
      const started = run(process.execPath, [
        MAIN,
        ...['--only', suite, '--quick', '--rounds', '1', '--json', '-'],
      ]);
      const results = JSON.parse((await started).stdout) as Result[];
      expect(results.some(({ baseline }) => baseline.startsWith('Flask'))).toBe(true);
      for (const { value, baselineValue, rounds } of results) {
        expect(Math.min(value, baselineValue)).toBeGreaterThan(0);
        expect(rounds).toBe(1);
      }
      expect(leftBy(started.child.pid)).toEqual([]);
    },
    300_000,
  );

  test('a reader that goes away ends the run, and nothing is left', async () => {
    const child = spawn(process.execPath, [MAIN, '--only', 'memport', '--rounds', '1000']);
    const ended = once(child, 'close');
    const measured = new Promise<void>((resolve) => {
      child.stderr.on('data', (text: Buffer) => {
        if (text.includes('round 1 ')) resolve();
      });
    });
    await Promise.race([measured, ended]);
    expect(leftBy(child.pid)).not.toEqual([]);
    child.stdout.destroy();
    child.stderr.destroy();
    expect(await ended).toEqual([130, null]);
    expect(leftBy(child.pid)).toEqual([]);
  });
});
