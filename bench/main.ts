import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parseInteger } from '../src/common/units.js';
import { SdmError } from '../src/common/errors.js';
import { machineInfo } from './harness/machine.js';
import { formatSuite } from './harness/report.js';
import { runSuite } from './harness/run.js';
import type { Result, Suite } from './harness/types.js';
import { SUITES } from './suites/index.js';

const USAGE = `usage: npm run bench -- [--only SUITE]... [--rounds N] [--quick] [--json FILE] [--list]

  --only SUITE  run this suite; may be given several times
  --rounds N    rounds that count, instead of what the suite thinks best
  --quick       short rounds, and few: shows that the suites work, the numbers mean little
  --json FILE   also write the results to FILE ("-": to standard output, and nothing else there)
  --list        print the suites and exit`;

function choose(names: readonly string[] | undefined): readonly Suite[] {
  if (names === undefined) return SUITES;
  return names.map((name) => {
    const suite = SUITES.find((candidate) => candidate.name === name);
    if (suite === undefined) {
      throw new SdmError(
        'SDM_INPUT',
        `no suite is called "${name}"; there are: ${SUITES.map((s) => s.name).join(', ')}`,
      );
    }
    return suite;
  });
}

interface Options {
  readonly suites: readonly Suite[];
  readonly rounds: number | undefined;
  readonly quick: boolean;
  readonly json: string | undefined;
  readonly list: boolean;
  readonly help: boolean;
}

function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return {
    suites: choose(values.only),
    rounds:
      values.rounds === undefined ? undefined : parseInteger(values.rounds, '--rounds', 1, 1000),
    quick: values.quick,
    json: values.json,
    list: values.list,
    help: values.help,
  };
}

/** The first Ctrl-C ends the suite in order, so that nothing of it stays; the second one kills. */
function interruptible(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Error(`interrupted by ${name}`)));
  }
  return controller.signal;
}

async function runAll(options: Options): Promise<void> {
  const signal = interruptible();
  const toStdout = options.json === '-';
  const say = (text: string): void =>
    void (toStdout ? process.stderr : process.stdout).write(`${text}\n`);
  const log = (line: string): void => void process.stderr.write(`  ${line}\n`);
  say(machineInfo().join('\n'));
  if (options.quick) say('quick: short rounds; do not quote these numbers');
  const all: Result[] = [];
  for (const suite of options.suites) {
    const results = await runSuite(suite, {
      quick: options.quick,
      rounds: options.rounds,
      log,
      signal,
    });
    say(`\n${formatSuite(suite, results)}`);
    all.push(...results.results);
  }
  if (options.json === undefined) return;
  const text = `${JSON.stringify(all, null, 2)}\n`;
  if (toStdout) process.stdout.write(text);
  else writeFileSync(options.json, text);
}

/** @returns the exit code: 0 done, 1 a suite failed, 2 the arguments make no sense. */
async function main(): Promise<number> {
  let options: Options;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n${USAGE}\n`);
    return 2;
  }
  if (options.help || options.list) {
    const list = SUITES.map((suite) => `${suite.name.padEnd(10)}${suite.about}`).join('\n');
    process.stdout.write(`${options.help ? USAGE : list}\n`);
    return 0;
  }
  try {
    await runAll(options);
    return 0;
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n`);
    return 1;
  }
}

process.exitCode = await main();
