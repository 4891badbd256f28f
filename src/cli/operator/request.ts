import { Option, type Command } from 'commander';
import { SdmError } from '../../common/errors.js';
import { integerArgument, sizeArgument } from '../agent/client.js';
import { brickArgument, platformArgument } from './client.js';

/** What a platform is to be, as options say it. */
export interface RequestOptions {
  readonly cores?: number;
  readonly memory?: string;
  readonly local?: string;
  readonly remote?: string;
  readonly pathUtil?: number;
  readonly policy?: string;
  readonly name?: string;
  readonly brick?: string;
  readonly mode?: string;
  readonly node?: number;
  readonly lease?: number;
}

export interface QuestionOptions extends RequestOptions {
  readonly platform?: number;
  readonly size?: string;
}

/** Not here, since what there is, is the controller's. */
const POLICIES = 'where memory is looked for: nearest, spread, pack, same-box';

export const pathUtilOption = (): Option =>
  new Option('--path-util <percent>', 'of each link and switch on the way, kept for it').argParser(
    integerArgument(0, 100),
  );
export const policyOption = (): Option => new Option('--policy <name>', POLICIES);

/** Gives a command the options that say what a platform is to be. */
export function describesPlatform(command: Command): Command {
  return command
    .addOption(
      new Option('--cores <n>', 'cores, of one island').argParser(integerArgument(1, 65_535)),
    )
    .addOption(
      new Option('--memory <size>', 'local as far as the brick has it, the rest remote').argParser(
        sizeArgument,
      ),
    )
    .addOption(
      new Option('--local <size>', 'local memory').argParser(sizeArgument).conflicts('memory'),
    )
    .addOption(
      new Option('--remote <size>', 'remote memory, in whole segments')
        .argParser(sizeArgument)
        .conflicts('memory'),
    )
    .addOption(pathUtilOption())
    .addOption(policyOption())
    .option('--name <name>', 'for people; need not be unique')
    .option('--brick <id>', 'this compute brick; default: the policy chooses', brickArgument)
    .addOption(
      new Option('--mode <mode>', 'how remote memory appears').choices(['system-ram', 'device']),
    )
    .option('--node <n>', 'NUMA node of remote memory', integerArgument(0, 1023));
}

/** @throws SdmError SDM_USAGE where the cores are missing. */
export function requestOf(options: RequestOptions): Record<string, unknown> {
  const { cores, memory, local, remote, pathUtil, policy, name, brick, mode, node, lease } =
    options;
  if (cores === undefined)
    throw new SdmError('SDM_USAGE', '--cores is missing; expected --cores N');
  return defined({
    ...{ cores, memory, localMemory: local, remoteMemory: remote, pathUtil, policy, name, brick },
    ...{ mode, node, leaseTtlMs: lease === undefined ? undefined : lease * 1000 },
  });
}

/** Gives a command the options of a question: a platform, or more memory for one that is there. */
export function asksAbout(command: Command): Command {
  return describesPlatform(command)
    .addOption(
      new Option('--platform <id>', 'more memory for this one, with --size').argParser(
        platformArgument,
      ),
    )
    .addOption(new Option('--size <size>', 'how much, with --platform').argParser(sizeArgument));
}

/** @throws SdmError SDM_USAGE for options that do not go together. */
export function questionOf(options: QuestionOptions): Record<string, unknown> {
  const { platform, size, pathUtil, policy } = options;
  if (platform === undefined && size === undefined) return requestOf(options);
  if (platform === undefined || size === undefined) {
    throw new SdmError('SDM_USAGE', '--platform and --size go together; expected both');
  }
  const others = ['cores', 'memory', 'local', 'remote', 'name', 'brick', 'mode', 'node'] as const;
  const other = others.find((name) => options[name] !== undefined);
  if (other !== undefined) {
    throw new SdmError(
      'SDM_USAGE',
      `--${other} is of a new platform; leave it out with --platform`,
    );
  }
  return defined({ platform, size, pathUtil, policy });
}

/** A number of cores, for people. */
export const coresText = (cores: number): string => `${cores} core${cores === 1 ? '' : 's'}`;

/** Without what is undefined. */
export function defined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
