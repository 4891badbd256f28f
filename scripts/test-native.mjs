// Builds and runs the C++ unit tests twice, plain and under AddressSanitizer and
// UndefinedBehaviorSanitizer, and ends with their counts.
//
//   node scripts/test-native.mjs [--only plain|sanitized] [--json FILE]
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Failure, runScript } from './lib/failure.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const TIMEOUT_MS = 10 * 60_000;
const VARIANTS = {
  plain: [],
  sanitized: ['-DSDM_SANITIZE=address,undefined'],
};

function start(command, args) {
  return spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    timeout: TIMEOUT_MS,
    env: { ...process.env, UBSAN_OPTIONS: 'print_stacktrace=1' },
  });
}

const outputOf = (result) => `${result.stdout ?? ''}${result.stderr ?? ''}`;

function build(command, args) {
  const result = start(command, args);
  if (result.status === 0) return;
  const why = result.error?.message ?? `exit code ${result.status ?? result.signal}`;
  throw new Failure(
    `${outputOf(result)}\n${[command, ...args].join(' ')} failed: ${why}\n` +
      'It needs the Debian packages g++ cmake make: apt-get install g++ cmake make',
  );
}

/** Every test program ends with a line "N tests, M failed". */
function countsOf(output) {
  const lines = [...output.matchAll(/(\d+) tests, (\d+) failed/g)];
  const sum = (group) => lines.reduce((total, line) => total + Number(line[group]), 0);
  return { passed: sum(1) - sum(2), failed: sum(2) };
}

/** @returns how many tests passed and failed; what failed is printed whole. */
function test(variant) {
  const directory = join(root, 'build/native-test', variant);
  build('cmake', ['-S', root, '-B', directory, ...VARIANTS[variant]]);
  build('cmake', ['--build', directory, '--parallel', '2']);
  const result = start('ctest', ['--test-dir', directory, '--verbose']);
  const counts = countsOf(outputOf(result));
  // A program that crashed tells no counts, and ctest is content with nothing to do.
  const broken = result.status !== 0 || counts.passed === 0;
  if (broken && counts.failed === 0) counts.failed = 1;
  if (counts.failed > 0) console.log(outputOf(result));
  console.log(`native, ${variant}: ${counts.passed} passed, ${counts.failed} failed`);
  return counts;
}

function main() {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, json: { type: 'string' } },
  });
  const wanted = values.only === undefined ? Object.keys(VARIANTS) : [values.only];
  const unknown = wanted.find((variant) => !Object.hasOwn(VARIANTS, variant));
  if (unknown !== undefined) throw new Failure(`--only ${unknown}: use plain or sanitized`);
  const totals = { passed: 0, failed: 0, skipped: 0 };
  for (const variant of wanted) {
    const { passed, failed } = test(variant);
    totals.passed += passed;
    totals.failed += failed;
  }
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(totals));
  if (totals.failed > 0) process.exitCode = 1;
}

await runScript(main);
