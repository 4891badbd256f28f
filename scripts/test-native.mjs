// Builds and runs the tests in C++, plain and under sanitizers, the fuzzer of register blocks, and the
// addon itself in node under AddressSanitizer; ends with their counts.
//
//   node scripts/test-native.mjs [--only VARIANT]... [--soak] [--json FILE]
//
// Variants: plain, sanitized (ASan and UBSan), threads (TSan), fuzz, addon.
import { randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Failure, runScript } from './lib/failure.mjs';
import { output, run, start } from './test/native-run.mjs';
import { testAddon } from './test/sanitized-addon.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(join(root, 'package.json'));
const builds = join(root, 'build/native-test');

const FUZZ_RUNS = 20_000;
const FUZZ_RUNS_SOAK = 1_000_000;
/** GCC's ThreadSanitizer finds no room for its shadow where addresses are more random than this. */
const TSAN_RANDOM_BITS = 28;

const SANITIZED = { sanitize: 'address,undefined', planted: ['address', 'leak', 'undefined'] };
const BUILDS = {
  plain: { sanitize: '', planted: [] },
  sanitized: SANITIZED,
  threads: { sanitize: 'thread', planted: ['thread'] },
};

/** A build's directory, with everything in it built. */
function build(name) {
  const directory = join(builds, name);
  const headers = join(dirname(require.resolve('node-api-headers/package.json')), 'include');
  const need = 'It needs the Debian packages g++ cmake make: apt-get install g++ cmake make';
  run(
    'cmake',
    [
      ...['-S', root, '-B', directory, `-DSDM_NODE_HEADERS=${headers}`],
      `-DSDM_SANITIZE=${BUILDS[name].sanitize}`,
    ],
    need,
  );
  run('cmake', ['--build', directory, '--parallel', '2'], need);
  return directory;
}

/** Every test program ends with a line "N tests, M failed". */
function countsOf(text) {
  const lines = [...text.matchAll(/(\d+) tests, (\d+) failed/g)];
  const sum = (group) => lines.reduce((total, line) => total + Number(line[group]), 0);
  return { passed: sum(1) - sum(2), failed: sum(2) };
}

/** A program that crashed tells no counts, and one that is content with nothing to do told none. */
function judge(result) {
  const counts = countsOf(output(result));
  const broken = result.status !== 0 || counts.passed === 0;
  if (broken && counts.failed === 0) counts.failed = 1;
  if (counts.failed > 0) console.log(output(result));
  return counts;
}

const add = (a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed });

/** What the command has to begin with for TSan to run here. */
function prefix(name) {
  if (name !== 'threads') return [];
  const bits = Number(readFileSync('/proc/sys/vm/mmap_rnd_bits', 'utf8'));
  return bits > TSAN_RANDOM_BITS ? ['setarch', '--addr-no-randomize'] : [];
}

/** A sanitizer that does not find what was planted for it would find nothing else. */
function testPlanted(directory, kind, before) {
  const [command, ...args] = [...before, join(directory, 'planted'), kind];
  const result = start(command, args);
  const found = /ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:/;
  if (result.status !== 0 && found.test(output(result))) return { passed: 1, failed: 0 };
  console.log(`${output(result)}\nplanted ${kind}: the sanitizer did not find it`);
  return { passed: 0, failed: 1 };
}

function testPrograms(name) {
  const directory = build(name);
  const before = prefix(name);
  const [command, ...args] = [...before, 'ctest', '--test-dir', directory, '--verbose'];
  return BUILDS[name].planted
    .map((kind) => testPlanted(directory, kind, before))
    .reduce(add, judge(start(command, args)));
}

function fuzz(soak) {
  const directory = build('sanitized');
  const out = join(builds, 'failed');
  mkdirSync(out, { recursive: true });
  const runs = soak ? FUZZ_RUNS_SOAK : FUZZ_RUNS;
  const seed = soak ? randomInt(2 ** 32) : 1;
  const args = ['--runs', String(runs), '--seed', String(seed), '--out', out];
  const result = start(join(directory, 'registers_fuzz'), args);
  const counts = judge(result);
  if (counts.failed === 0) console.log(output(result).split('\n')[0]);
  return counts;
}

const VARIANTS = {
  plain: () => testPrograms('plain'),
  sanitized: () => testPrograms('sanitized'),
  threads: () => testPrograms('threads'),
  fuzz,
  addon: () => testAddon(root, build('sanitized'), join(builds, 'addon-log')),
};

function main() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      soak: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  });
  const wanted = values.only ?? Object.keys(VARIANTS);
  const unknown = wanted.find((variant) => !Object.hasOwn(VARIANTS, variant));
  if (unknown !== undefined) {
    throw new Failure(`--only ${unknown}: use one of ${Object.keys(VARIANTS).join(', ')}`);
  }
  let totals = { passed: 0, failed: 0 };
  for (const variant of wanted) {
    const counts = VARIANTS[variant](values.soak);
    console.log(`native, ${variant}: ${counts.passed} passed, ${counts.failed} failed`);
    totals = add(totals, counts);
  }
  if (values.json !== undefined) {
    writeFileSync(values.json, JSON.stringify({ ...totals, skipped: 0 }));
  }
  if (totals.failed > 0) process.exitCode = 1;
}

await runScript(main);
