// Runs every test and ends with one line: "N passed, N failed".
//
//   npm test                       everything
//   npm test -- --project process  without VMs
//   npm test -- test/abi           only files whose path contains it
//   npm run soak                   the same with long repetitions (SDM_SOAK=1)
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const STAGE_TIMEOUT_MS = 80 * 60 * 1000;

const args = process.argv.slice(2).filter((arg) => arg !== '--soak');
const soak = process.argv.includes('--soak');
const scratch = mkdtempSync(join(tmpdir(), 'sdm-test-'));
const totals = { passed: 0, failed: 0, skipped: 0 };
const stages = [];

process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

/** Runs a command with its output shown; resolves to its exit code, or to 'timeout' at the deadline. */
function run(command, commandArgs, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, commandArgs, {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...env },
    });
    let timedOut = false;
    const deadline = setTimeout(() => {
      timedOut = true;
      child.kill('SIGTERM');
    }, STAGE_TIMEOUT_MS);
    const forward = (signal) => child.kill(signal);
    process.on('SIGINT', forward);
    process.on('SIGTERM', forward);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(deadline);
      process.off('SIGINT', forward);
      process.off('SIGTERM', forward);
      resolve(timedOut ? 'timeout' : (code ?? signal));
    });
  });
}

/** A stage writes {passed, failed, skipped} to a file; one that dies without it counts as a failure. */
async function stage(name, command, commandArgs, readCounts, env) {
  const started = Date.now();
  console.log(`\n== ${name}`);
  const outcome = await run(command, commandArgs, env);
  let counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    counts = readCounts(outcome);
  } catch (error) {
    console.error(`${name}: no result could be read: ${error.message}`);
  }
  if (outcome !== 0 && counts.failed === 0) {
    console.error(`${name}: ended with ${outcome}, though no test of it failed`);
    counts.failed = 1;
  }
  for (const key of Object.keys(totals)) totals[key] += counts[key];
  stages.push({ name, ...counts, seconds: Math.round((Date.now() - started) / 1000) });
}

const exitCodeAsTest = (outcome) => ({
  passed: outcome === 0 ? 1 : 0,
  failed: outcome === 0 ? 0 : 1,
  skipped: 0,
});

const fromJson = (file) => () => JSON.parse(readFileSync(file, 'utf8'));

const fromVitest = (file) => () => {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  // A file that could not be loaded has no tests in it, and must not pass unseen.
  const broken = report.testResults.filter(
    (result) => result.status === 'failed' && result.assertionResults.length === 0,
  ).length;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken,
    skipped: report.numPendingTests + report.numTodoTests,
  };
};

function vitest(name, vitestArgs) {
  const file = join(scratch, `${name.replaceAll(' ', '-')}.json`);
  return stage(
    name,
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
      ...vitestArgs,
    ],
    fromVitest(file),
    soak ? { SDM_SOAK: '1' } : {},
  );
}

if (args.length > 0) {
  await vitest('selected tests', args);
} else {
  await stage('format and types', 'npm', ['run', '--silent', 'lint'], exitCodeAsTest);
  const nativeCounts = join(scratch, 'native.json');
  await stage(
    'addon in C++ (plain, ASan+UBSan)',
    process.execPath,
    ['scripts/test-native.mjs', '--json', nativeCounts],
    fromJson(nativeCounts),
  );
  await vitest('processes', ['--project', 'process']);
  await vitest('virtual machines', ['--project', 'vm']);
}

console.log('');
for (const { name, passed, failed, skipped, seconds } of stages) {
  const more = skipped > 0 ? `, ${skipped} skipped` : '';
  console.log(`${name}: ${passed} passed, ${failed} failed${more} in ${seconds} s`);
}
const skippedText = totals.skipped > 0 ? `, ${totals.skipped} skipped` : '';
console.log(`\n${totals.passed} passed, ${totals.failed} failed${skippedText}`);
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;
