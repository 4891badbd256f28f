// Tests of the series of patches to QEMU; ends with their counts.
//
//   node scripts/test-qemu.mjs [--only PART]... [--soak] [--json FILE]
//
// Parts: style (QEMU's checkpatch looks at every patch), aarch64 (qtests of the series and three of
// QEMU's own); in soak besides: sanitized (the same with ASan and UBSan, and more hostile accesses),
// x86_64 (the same for PCs), patches (every patch by itself can be built).
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
const HOSTILE_ACCESSES_SOAK = 1_000_000;
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

async function testTarget(name, options, env = {}) {
  const { out } = await ensureQemu(options);
  const result = spawnSync(join(root, 'qemu-patches/run-tests'), [out], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    timeout: TIMEOUT_MS,
    env: { ...process.env, ...env },
  });
  return judge(name, result.status ?? result.signal, `${result.stdout}${result.stderr}`);
}

/** Runs qemu-patches/build; each line that `isCase` knows is a case. */
async function testSeries(name, check) {
  const lines = [];
  const code = await checkSeries({ ...check, onLine: (line) => lines.push(line) });
  return judge(name, code, lines.filter((line) => !line.startsWith('+ ')).join('\n'));
}

async function testPatches() {
  const scratch = mkdtempSync(join(tmpdir(), 'sdm-qemu-'));
  try {
    const args = ['--each-patch', '--test-programs', '--target', 'aarch64', '--target', 'x86_64'];
    return await testSeries('patches', { args, out: join(scratch, 'out') });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const SANITIZED = {
  SDM_HOSTILE_ACCESSES: String(HOSTILE_ACCESSES_SOAK),
  DEADLINE: '7200',
  // QEMU frees little of what it has when it ends.
  ASAN_OPTIONS: 'detect_leaks=0',
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
};
const PARTS = {
  style: () => testSeries('style', { args: ['--checkpatch'] }),
  aarch64: () => testTarget('aarch64', {}),
};
const SOAK_PARTS = {
  ...PARTS,
  sanitized: () => testTarget('sanitized', { sanitize: true }, SANITIZED),
  x86_64: () => testTarget('x86_64', { target: 'x86_64' }),
  patches: testPatches,
};

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
  const totals = { passed: 0, failed: 0, skipped: 0, failures: [] };
  for (const part of wanted) {
    const counts = await SOAK_PARTS[part]();
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
