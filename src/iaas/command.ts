import { Command } from 'commander';
import { cancellable } from '../cli/cancellable.js';
import { Progress } from '../common/progress.js';
import { formatTable } from '../common/table.js';
import { parseInteger } from '../common/units.js';
import type { PlatformRow } from './run.js';

interface IaasCommandOptions {
  readonly seed?: number;
  readonly platforms: number;
  readonly agents: number;
  readonly json?: true;
}

/** `sdm test`: tests of a whole rack that anybody can run. */
export function testCommand(): Command {
  const test = new Command('test').description('try the software of a rack on this machine');
  test.addCommand(iaasCommand());
  return test;
}

function iaasCommand(): Command {
  const count = (what: string, most: number) => (text: string) => parseInteger(text, what, 1, most);
  return new Command('iaas')
    .description("D4.4's test: platforms of arbitrary size come, grow, shrink and go")
    .option(
      '--seed <number>',
      'what sizes are made of; default: another one each time',
      count('seed', 2 ** 31),
    )
    .option('--platforms <number>', 'how many', count('platforms', 64), 16)
    .option('--agents <number>', 'on how many compute bricks', count('agents', 28), 16)
    .option('--json', 'what was seen, for programs')
    .addHelpText(
      'after',
      `
Agents, lenders, trays and the controller run as processes with files for hardware, in a directory that is
removed at the end. Fails with SDM_IAAS if at the end a register block is not clear, a byte of the pool is
not zero, or the store is not as at the start.`,
    )
    .action(async ({ seed: given, platforms, agents, json }: IaasCommandOptions) => {
      const { runIaas } = await import('./run.js');
      const seed = given ?? Date.now() % 2 ** 31;
      const progress = new Progress({ stream: process.stderr });
      const result = await cancellable((signal) =>
        progress.step(`Test with --seed ${seed}`, (onProgress) =>
          runIaas({ seed, platforms, agents, onProgress, signal }),
        ),
      );
      if (json === true) console.log(JSON.stringify(result, null, 2));
      else
        console.log(
          `${table(result.rows)}\n\n${result.checks.map((line) => `✓ ${line}`).join('\n')}`,
        );
    });
}

function table(rows: readonly PlatformRow[]): string {
  const right = (title: string) => ({ title, align: 'right' as const });
  const ms = (value: number): string => value.toFixed(0);
  return formatTable(
    [
      ...['PLATFORM', 'BRICK'],
      ...['CORES', 'MiB', 'PATH %', '+MiB', '-MiB'].map(right),
      ...['CREATE ms', 'GROW ms', 'SHRINK ms', 'RELEASE ms'].map(right),
    ],
    rows.map(({ id, brick, cores, memory, pathUtil, grown, freed, ms: took }) => [
      ...[String(id), brick, String(cores), String(memory), String(pathUtil)],
      ...[String(grown), String(freed)],
      ...[ms(took.create), ms(took.grow), ms(took.shrink), ms(took.release)],
    ]),
  );
}
