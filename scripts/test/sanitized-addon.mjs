// The addon in node under AddressSanitizer, UndefinedBehaviorSanitizer and LeakSanitizer.
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { output, run, start } from './native-run.mjs';

/** These test how the addon is built and what its source says; the sanitizers see nothing of them. */
const NOT_OF_THE_ADDON = ['build-addon.test.ts', 'codes.test.ts'];

/** For node that loads the addon; the runtimes have to come before everything else. */
function environment(addon, log, leaks) {
  const runtimes = ['libasan.so', 'libubsan.so'].map((name) =>
    run('gcc', [`-print-file-name=${name}`], 'It needs the Debian package gcc').trim(),
  );
  return {
    SDM_NATIVE: addon,
    LD_PRELOAD: runtimes.join(' '),
    // A fault in JavaScript's own memory is V8's to handle. Reports go to files, since most of these
    // processes are started by tests, which read what they write.
    ASAN_OPTIONS: `detect_leaks=${leaks ? 1 : 0}:handle_segv=0:log_path=${join(log, 'report')}`,
    UBSAN_OPTIONS: `print_stacktrace=1:log_path=${join(log, 'report')}`,
  };
}

const reportsIn = (log) =>
  readdirSync(log).map((name) => readFileSync(join(log, name), 'utf8').slice(0, 20_000));

/** The tests of the addon; leaks are not looked for: node and V8 give much to the kernel at exit. */
function runTests(root, addon, log) {
  const directory = 'test/native';
  const files = readdirSync(join(root, directory))
    .filter((name) => name.endsWith('.test.ts') && !NOT_OF_THE_ADDON.includes(name))
    .map((name) => `${directory}/${name}`);
  const json = join(log, '../addon.json');
  rmSync(json, { force: true });
  const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', root];
  args.push('--project', 'process', '--reporter=default', '--reporter=json');
  args.push(`--outputFile.json=${json}`, ...files);
  const result = start(process.execPath, args, environment(addon, log, false));
  let counts = { passed: 0, failed: 1 };
  try {
    const report = JSON.parse(readFileSync(json, 'utf8'));
    counts = { passed: report.numPassedTests, failed: report.numFailedTests };
  } catch (error) {
    console.error(`no result of vitest could be read: ${error.message}`);
  }
  if (result.status !== 0 && counts.failed === 0) counts.failed = 1;
  if (counts.failed > 0) console.log(output(result));
  return counts;
}

function runLeaks(root, addon, log) {
  const script = join(root, 'test/native/leaks.mjs');
  const result = start(process.execPath, [script], environment(addon, log, true));
  if (result.status === 0 && result.stdout === 'done\n') return { passed: 1, failed: 0 };
  console.log(`${output(result)}\ntest/native/leaks.mjs ended with ${result.status}`);
  return { passed: 0, failed: 1 };
}

/**
 * @param directory with the addon, built with the sanitizers.
 * @param log a directory for what the sanitizers report; any report is a failure.
 */
export function testAddon(root, directory, log) {
  rmSync(log, { recursive: true, force: true });
  mkdirSync(log, { recursive: true });
  const addon = join(directory, 'sdm_native.node');
  const tests = runTests(root, addon, log);
  const leaks = runLeaks(root, addon, log);
  const reports = reportsIn(log);
  for (const report of reports) console.log(report);
  return {
    passed: tests.passed + leaks.passed,
    failed: tests.failed + leaks.failed + reports.length,
  };
}
