import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { cancellable } from '../src/cli/cancellable.js';
import { runCli } from '../src/cli/run.js';
import { SdmError } from '../src/common/errors.js';
import { parseInteger } from '../src/common/units.js';
import { machineInfo } from './harness/machine.js';
import { formatSuite } from './harness/report.js';
import { runSuite } from './harness/run.js';
import type { Result, Suite } from './harness/types.js';
import { SUITES } from './suites/index.js';

interface Options {
  readonly only?: readonly Suite[];
  readonly rounds?: number;
  readonly quick?: true;
  readonly json?: string;
  readonly list?: true;
}

function suiteArgument(name: string, chosen: readonly Suite[] = []): readonly Suite[] {
  const suite = SUITES.find((candidate) => candidate.name === name);
  if (suite !== undefined) return [...chosen, suite];
  const names = SUITES.map((candidate) => candidate.name).join(', ');
  throw new InvalidArgumentError(`no suite is called "${name}"; there are: ${names}`);
}

function roundsArgument(text: string): number {
  try {
    return parseInteger(text, 'the number of rounds', 1, 1000);
  } catch (error) {
    throw error instanceof SdmError ? new InvalidArgumentError(error.message) : error;
  }
}

const program = new Command('bench')
  .description('measure ours against others, interleaved in one run; see docs/bench.md')
  .option('--only <suite>', 'run this suite; may be given several times', suiteArgument)
  .option('--rounds <n>', 'rounds that count, instead of what the suite takes', roundsArgument)
  .option('--quick', 'short rounds, and few: shows that suites work; the numbers mean little')
  .option('--json <file>', 'also write the results as JSON ("-": to stdout, and nothing else)')
  .option('--list', 'print the suites and exit')
  .action((options: Options) => {
    if (options.list) return list();
    return cancellable((signal) => runAll(options, signal));
  });

function list(): void {
  for (const { name, about } of SUITES) process.stdout.write(`${name.padEnd(10)}${about}\n`);
}

/** Aborts when nobody reads the output any more (`bench | head`), so that suites are closed. */
function outputGone(): AbortSignal {
  const controller = new AbortController();
  const reason = new SdmError('SDM_CANCELLED', 'nobody reads the output any more');
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => controller.abort(reason));
  }
  return controller.signal;
}

async function runAll(options: Options, cancelled: AbortSignal): Promise<void> {
  const signal = AbortSignal.any([cancelled, outputGone()]);
  const { only = SUITES, rounds, quick = false, json } = options;
  const people = json === '-' ? process.stderr : process.stdout;
  const log = (line: string): void => void process.stderr.write(`  ${line}\n`);
  people.write(`${machineInfo()}\n`);
  if (quick) people.write('quick: short rounds; do not quote these numbers\n');
  const all: Result[] = [];
  for (const suite of only) {
    const results = await runSuite(suite, { quick, rounds, log, signal });
    people.write(`\n${formatSuite(suite, results)}\n`);
    all.push(...results.results);
  }
  if (json === undefined) return;
  const text = `${JSON.stringify(all, null, 2)}\n`;
  if (json === '-') process.stdout.write(text);
  else writeFileSync(json, text);
}

await runCli(program, process.argv);
