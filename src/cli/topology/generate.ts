import { Command, Option } from 'commander';
import { sdmCommand } from '../../common/called.js';
import {
  BOX_SWITCHES,
  DEFAULTS,
  optionsForBricks,
  OUTER_SWITCHES,
  RANGES,
  withDefaults,
  type GenerateOptions,
} from '../../controller/inventory/generate-options.js';
import { integerArgument, sizeArgument } from '../agent/client.js';
import { writePieces } from './output.js';

type Numbers = keyof typeof RANGES;

/** Options that are plain numbers: what they are called, and what they mean. */
const NUMBERS: readonly (readonly [Numbers, string, string])[] = [
  ['racks', '--racks', 'racks'],
  ['boxes', '--boxes', 'boxes of each rack'],
  ['trays', '--trays', 'trays of each box'],
  ['compute', '--compute', 'compute bricks of each box'],
  ['memory', '--memory', 'memory bricks of each box'],
  ['accelerators', '--accelerators', 'accelerator bricks of each box'],
  ['islands', '--islands', 'coherent islands of a compute brick'],
  ['cores', '--cores', 'cores of an island'],
  ['memports', '--memports', 'memports of a compute brick'],
  ['segments', '--segments', 'segments of a memory brick'],
  ['transceivers', '--transceivers', 'transceivers of a brick'],
  ['uplinks', '--uplinks', "links of a box's switch to its rack's"],
  ['rackUplinks', '--rack-uplinks', "links of a rack's switch to the site's"],
  ['linkCapacity', '--link-capacity', 'capacity of a link, percent of a transceiver'],
  [
    'switchCapacity',
    '--switch-capacity',
    'capacity of an electrical switch; 0: what its links have',
  ],
];

interface Options extends Partial<Omit<GenerateOptions, 'localMemory' | 'segmentSize'>> {
  readonly bricks?: number;
  readonly localMemory?: string;
  readonly segmentSize?: string;
  readonly output?: string;
}

/** `sdm topology generate`: a synthetic system, as D4.4's genconfig.py made one. */
export function generateCommand(): Command {
  const command = new Command('generate')
    .description('write the topology of a synthetic system')
    .addOption(
      new Option(
        '--bricks <n>',
        'so many compute and as many memory bricks, in as many racks as it takes',
      )
        .argParser(integerArgument(1, 65_536))
        .conflicts(['racks', 'boxes', 'compute', 'memory']),
    );
  for (const [name, flag, text] of NUMBERS) {
    const [least, most] = RANGES[name];
    command.addOption(
      new Option(`${flag} <n>`, `${text} (default: ${DEFAULTS[name]})`).argParser(
        integerArgument(least, most),
      ),
    );
  }
  const size = (flag: string, text: string, mib: number): Option =>
    new Option(`${flag} <size>`, `${text} (default: ${mib}M)`).argParser(sizeArgument);
  const kinds = (flag: string, text: string, choices: readonly string[], usual: string): Option =>
    new Option(`${flag} <kind>`, `${text} (default: ${usual})`).choices(choices);
  return command
    .addOption(size('--local-memory', 'memory of a compute brick', DEFAULTS.localMemory))
    .addOption(size('--segment-size', 'size of a segment', DEFAULTS.segmentSize))
    .addOption(kinds('--box-switch', 'switch of a box', BOX_SWITCHES, DEFAULTS.boxSwitch))
    .addOption(kinds('--rack-switch', 'switch of a rack', OUTER_SWITCHES, DEFAULTS.rackSwitch))
    .addOption(kinds('--site-switch', 'switch between racks', OUTER_SWITCHES, DEFAULTS.siteSwitch))
    .option('-o, --output <file>', 'where to; default: standard output')
    .addHelpText(
      'after',
      `
Examples:
  ${sdmCommand()} topology generate -o rack.json
  ${sdmCommand()} topology generate --bricks 65536 -o large.json
  ${sdmCommand()} topology generate --boxes 4 --box-switch both --islands 2 | ${sdmCommand()} topology show -`,
    )
    .action(async ({ output, bricks, localMemory, segmentSize, ...given }: Options) => {
      const options = withDefaults({
        ...given,
        ...(bricks === undefined ? {} : optionsForBricks(bricks)),
        ...mib('localMemory', localMemory),
        ...mib('segmentSize', segmentSize),
      });
      const { generateText } = await import('../../controller/inventory/generate.js');
      await writePieces(generateText(options), output);
    });
}

/** What is no whole MiB is refused as a number of them. */
function mib(
  name: 'localMemory' | 'segmentSize',
  size: string | undefined,
): Partial<GenerateOptions> {
  return size === undefined ? {} : { [name]: Number(BigInt(size)) / 1024 ** 2 };
}
