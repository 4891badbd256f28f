// Runs every test and ends with one line: "N passed, N failed".
//
//   npm test                       everything
//   npm test -- --project process  without VMs
//   npm test -- test/abi           only files whose path contains it
//   npm run soak                   the same with long repetitions (SDM_SOAK=1)
//
// Ctrl-C ends it with 130. However it ends, racks and processes of the tests end with it.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join, relative, resolve as resolvePath } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { endProcesses, removeLeftovers, runEnvironment } from './test/leftovers.mjs';

/** So much of each failure is repeated at the end. */
const FAILURE_LINES = 30;
const FAILURE_COLUMNS = 300;
/** A stage that was told to stop has this long to do so before its processes are ended. */
const STOP_MS = 5000;

/** Of scripts/test-native.mjs, all but the one that runs node. */
const CPP_VARIANTS = ['plain', 'sanitized', 'threads', 'fuzz'];

const project = resolvePath(dirname(fileURLToPath(import.meta.url)), '..');

const args = process.argv.slice(2).filter((arg) => arg !== '--soak');
const soak = process.argv.includes('--soak');
/** Soak repeats for hours, and builds three kernels, each of which may take 90 minutes, as QEMU may. */
const STAGE_TIMEOUT_MS = (soak ? 12 * 60 : 120) * 60 * 1000;
const scratch = mkdtempSync(join(tmpdir(), 'sdm-test-'));
const totals = { passed: 0, failed: 0, skipped: 0 };
const stages = [];
/** What failed, for the end of the output: a log that is cut keeps its end. */
const failures = [];

process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

/** The first signal that told us to stop; no stage is begun after it. */
let stoppedBy;
/** Tells the running stage to stop. */
let stopStage = () => {};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    stoppedBy ??= signal;
    stopStage(signal);
  });
}

/** Runs a command with its output shown; resolves to its exit code, or to 'timeout' at the deadline. */
function run(command, commandArgs, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, commandArgs, {
      cwd: project,
      stdio: ['ignore', 'inherit', 'inherit'],
      // Outside the terminal's group: a Ctrl-C there comes once, from us.
      detached: true,
      env: { ...process.env, ...runEnvironment(scratch), ...env },
    });
    let timedOut = false;
    let overdue;
    const stop = (signal) => {
      child.kill(signal);
      overdue ??= setTimeout(() => endProcesses(scratch), STOP_MS);
    };
    const deadline = setTimeout(() => {
      timedOut = true;
      stop('SIGTERM');
    }, STAGE_TIMEOUT_MS);
    stopStage = stop;
    const done = () => {
      stopStage = () => {};
      clearTimeout(deadline);
      clearTimeout(overdue);
    };
    child.on('error', (error) => {
      done();
      reject(error);
    });
    child.on('close', (code, signal) => {
      done();
      resolve(timedOut ? 'timeout' : (code ?? signal));
    });
  });
}

/** A stage writes {passed, failed, skipped} to a file; one that dies without it counts as a failure. */
async function stage(name, command, commandArgs, readCounts, env) {
  if (stoppedBy !== undefined) return;
  const started = Date.now();
  console.log(`\n== ${name}`);
  const outcome = await run(command, commandArgs, env);
  if (stoppedBy !== undefined) return;
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

const fromJson = (file) => () => {
  const { failures: more = [], ...counts } = JSON.parse(readFileSync(file, 'utf8'));
  failures.push(...more);
  return counts;
};

const fromVitest = (file) => () => {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  noteFailures(report);
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

/** Notes the failed tests of vitest's JSON report, each with the head of what it said. */
function noteFailures(report) {
  for (const { name, status, message, assertionResults } of report.testResults) {
    const file = relative(project, name);
    const failed = assertionResults.filter((result) => result.status === 'failed');
    if (status === 'failed' && failed.length === 0) failures.push(`${file}\n${headOf(message)}`);
    for (const { fullName, failureMessages } of failed) {
      failures.push(`${file}: ${fullName}\n${headOf(failureMessages.join('\n'))}`);
    }
  }
}

const headOf = (text) =>
  stripVTControlCharacters(text)
    .split('\n')
    .slice(0, FAILURE_LINES)
    .map((line) => `    ${line.slice(0, FAILURE_COLUMNS)}`)
    .join('\n');

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

function native(name, variants) {
  const counts = join(scratch, `native-${variants[0]}.json`);
  const options = variants.flatMap((variant) => ['--only', variant]);
  return stage(
    name,
    process.execPath,
    ['scripts/test-native.mjs', ...options, '--json', counts, ...(soak ? ['--soak'] : [])],
    fromJson(counts),
  );
}

function qemu() {
  const counts = join(scratch, 'qemu.json');
  return stage(
    'QEMU',
    process.execPath,
    ['scripts/test-qemu.mjs', '--json', counts, ...(soak ? ['--soak'] : [])],
    fromJson(counts),
  );
}

async function runStages() {
  if (args.length > 0) {
    await vitest('selected tests', args);
  } else {
    await stage('format and types', 'npm', ['run', '--silent', 'lint'], exitCodeAsTest);
    await native('addon in C++ (plain, ASan+UBSan, TSan, fuzzer)', CPP_VARIANTS);
    await native('addon in node (ASan+UBSan)', ['addon']);
    // Before processes and machines that need it.
    await qemu();
    await vitest('processes', ['--project', 'process']);
    await vitest('virtual machines', ['--project', 'vm']);
  }
}

function report() {
  for (const failure of failures) console.log(`\nFAILED ${failure}`);
  console.log('');
  for (const { name, passed, failed, skipped, seconds } of stages) {
    const more = skipped > 0 ? `, ${skipped} skipped` : '';
    console.log(`${name}: ${passed} passed, ${failed} failed${more} in ${seconds} s`);
  }
  const skippedText = totals.skipped > 0 ? `, ${totals.skipped} skipped` : '';
  console.log(`\n${totals.passed} passed, ${totals.failed} failed${skippedText}`);
}

try {
  await runStages();
} finally {
  for (const problem of await removeLeftovers(project, scratch)) {
    console.error(problem);
    totals.failed += 1;
  }
}
if (stoppedBy === undefined) {
  report();
  process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;
} else {
  console.log(`\nstopped by ${stoppedBy}; nothing was counted`);
  process.exitCode = 128 + constants.signals[stoppedBy];
}
