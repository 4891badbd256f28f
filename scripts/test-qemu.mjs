// Tests of the series of patches to QEMU; ends with their counts.
//
//   node scripts/test-qemu.mjs [--only PART]... [--soak] [--json FILE]
//
// Parts: style (QEMU's checkpatch looks at every patch), aarch64 (qtests of the series and three of
// QEMU's own), sanitized (a million accesses by a hostile guest, with ASan and UBSan; in soak all
// qtests with them); in soak besides: x86_64 (the qtests for PCs), patches (every patch by itself can
// be built).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkSeries, ensureQemu } from '../dist/src/rack/artifacts/qemu.js';
import { Failure, runScript } from './lib/failure.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
/** All programs of a target; each has a deadline of its own. */
const TIMEOUT_MS = 3 * 3_600_000;
const HOSTILE_ACCESSES = 1_000_000;
const HOSTILE_TEST = 'sdm-memport-hostile-test';
/** What a case that failed said, for the end of the output. */
const FAILURE_LINES = 30;

/**
 * Counts "ok - CASE", "not ok - CASE" and "skip - CASE". What is indented is of the failure before
 * it; the end of it says what it was.
 */
function countsOf(text) {
  const counts = { passed: 0, failed: 0, skipped: 0, failures: [] };
  const details = [];
  for (const line of text.split('\n')) {
    const [, outcome, name] = /^(ok|not ok|skip) - (.*)$/.exec(line) ?? [];
    if (outcome === 'ok') counts.passed += 1;
    else if (outcome === 'skip') counts.skipped += 1;
    else if (outcome === 'not ok') {
      counts.failed += 1;
      details.push([]);
      counts.failures.push(`QEMU: ${name}`);
    } else if (line.startsWith('    ')) details.at(-1)?.push(line);
  }
  counts.failures = counts.failures.map((failure, i) =>
    [failure, ...details[i].slice(-FAILURE_LINES)].join('\n'),
  );
  return counts;
}

/** A part that did not do what it should must not pass unseen. */
function judge(name, code, text) {
  const counts = countsOf(text);
  if (counts.failed === 0 && (code !== 0 || counts.passed === 0)) {
    counts.failed = 1;
    counts.failures.push(`QEMU: ${name} ended with ${code} and ${counts.passed} cases`);
  }
  if (counts.failed > 0) console.log(text);
  return counts;
}

/** Runs these programs, or all. */
async function testTarget(name, options, programs = [], env = {}) {
  const { out } = await ensureQemu(options);
  const result = spawnSync(join(root, 'qemu-patches/run-tests'), [out, ...programs], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    timeout: TIMEOUT_MS,
    env: { ...process.env, ...env },
  });
  return judge(name, result.status ?? result.signal, `${result.stdout}${result.stderr}`);
}

/** Runs qemu-patches/build, which says "ok - PATCH" or "not ok - PATCH" of every patch. */
async function testSeries(name, check) {
  const lines = [];
  const code = await checkSeries({ ...check, onLine: (line) => lines.push(line) });
  return judge(name, code, lines.filter((line) => !line.startsWith('+ ')).join('\n'));
}

async function testPatches() {
  // What of a run is interrupted goes with all that is the run's (scripts/test.mjs).
  const scratch = mkdtempSync(join(process.env.SDM_TEST_RUN ?? tmpdir(), 'sdm-qemu-'));
  try {
    const args = ['--each-patch', '--test-programs', '--target', 'aarch64', '--target', 'x86_64'];
    return await testSeries('patches', { args, out: join(scratch, 'out') });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const SANITIZED = {
  SDM_HOSTILE_ACCESSES: String(HOSTILE_ACCESSES),
  // Seconds of a program: the hostile one needs two minutes on a busy machine.
  DEADLINE: '1800',
  // QEMU frees little of what it has when it ends.
  ASAN_OPTIONS: 'detect_leaks=0',
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
};
const PARTS = {
  style: () => testSeries('style', { args: ['--checkpatch'] }),
  aarch64: () => testTarget('aarch64', {}),
  sanitized: () => testTarget('sanitized', { sanitize: true }, [HOSTILE_TEST], SANITIZED),
};
const SOAK_PARTS = {
  ...PARTS,
  sanitized: () => testTarget('sanitized', { sanitize: true }, [], SANITIZED),
  x86_64: () => testTarget('x86_64', { target: 'x86_64' }),
  patches: testPatches,
};

/** A part that cannot be run is one failed case, and takes no other with it. */
async function runPart(name, part) {
  try {
    return await part();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    console.log(`QEMU, ${name}: ${message}`);
    return { passed: 0, failed: 1, skipped: 0, failures: [`QEMU: ${name}: ${message}`] };
  }
}

async function main() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      soak: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  });
  const wanted = values.only ?? Object.keys(values.soak ? SOAK_PARTS : PARTS);
  const unknown = wanted.find((part) => !Object.hasOwn(SOAK_PARTS, part));
  if (unknown !== undefined) {
    throw new Failure(`--only ${unknown}: use one of ${Object.keys(SOAK_PARTS).join(', ')}`);
  }
  // Those that only soak has are there to be named; what both have is longer in soak.
  const parts = values.soak ? SOAK_PARTS : { ...SOAK_PARTS, ...PARTS };
  const totals = { passed: 0, failed: 0, skipped: 0, failures: [] };
  for (const part of wanted) {
    const counts = await runPart(part, parts[part]);
    const more = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
    console.log(`QEMU, ${part}: ${counts.passed} passed, ${counts.failed} failed${more}`);
    for (const key of Object.keys(totals)) {
      totals[key] = Array.isArray(totals[key])
        ? [...totals[key], ...counts[key]]
        : totals[key] + counts[key];
    }
  }
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(totals));
  if (totals.failed > 0) process.exitCode = 1;
}

await runScript(main);
