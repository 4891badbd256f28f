import { Command, Option } from 'commander';
import { SdmError } from '../../common/errors.js';
import type { GrowResult, ShrinkResult } from '../../controller/views.js';
import { query, sizeArgument } from '../agent/client.js';
import { print, printJson, sizeText } from '../agent/output.js';
import { command, commandsController, platformArgument, type CommandOptions } from './client.js';
import { attachmentTable } from './platform.js';
import { defined, pathUtilOption, policyOption } from './request.js';

interface AddOptions extends CommandOptions {
  readonly pathUtil?: number;
  readonly policy?: string;
  readonly migrateOk?: true;
}

interface FreeOptions extends CommandOptions {
  readonly size?: string;
  readonly attachment?: string;
  readonly all?: true;
}

/** `sdm memory`: remote memory of a platform that runs. */
export function memoryCommand(): Command {
  const memory = new Command('memory').description('remote memory of platforms, while they run');

  commandsController(memory.command('add'))
    .description('add remote memory to a platform')
    .argument('<platform>', 'number of the platform', platformArgument)
    .argument('<size>', 'how much, such as 1G; rounded up to segments', sizeArgument)
    .addOption(pathUtilOption())
    .addOption(policyOption())
    .option('--migrate-ok', 'the platform may move; this version moves none, and says so')
    .action(add);

  commandsController(memory.command('free'))
    .description('take remote memory from a platform')
    .argument('<platform>', 'number of the platform', platformArgument)
    .addOption(
      new Option('--size <size>', 'at least so much, in whole attachments').argParser(sizeArgument),
    )
    .addOption(new Option('--attachment <id>', 'this one, such as p7-0').conflicts('size'))
    .addOption(new Option('--all', 'all of it').conflicts(['size', 'attachment']))
    .action(free);
  return memory;
}

async function add(platform: number, size: string, options: AddOptions): Promise<void> {
  const { pathUtil, policy, migrateOk } = options;
  const path = `/v1/platforms/${platform}/memory`;
  const body = defined({ size, pathUtil, policy, migrateOK: migrateOk });
  const grown = (await command(options, 'POST', path, body)) as GrowResult;
  if (options.json) return printJson(grown);
  const { attachments, remoteMemory } = grown.platform;
  const fresh = attachments.filter(({ id }) => grown.attached.includes(id));
  const added = fresh.reduce((sum, each) => sum + BigInt(each.size), 0n);
  print(
    `added ${sizeText(`0x${added.toString(16)}`)} to platform ${platform}, which has ${sizeText(remoteMemory)} remote memory now`,
  );
  print(attachmentTable(fresh));
  if (migrateOk) print('nothing was moved: this version does not migrate');
}

async function free(platform: number, options: FreeOptions): Promise<void> {
  const { size, attachment, all } = options;
  if (size === undefined && attachment === undefined && !all) {
    throw new SdmError('SDM_USAGE', 'how much is missing; expected --size, --attachment or --all');
  }
  const path = `/v1/platforms/${platform}/memory${query({ size, attachment })}`;
  const shrunk = (await command(options, 'DELETE', path)) as ShrinkResult;
  if (options.json) return printJson(shrunk);
  const { detached, freed } = shrunk;
  const which = detached.length === 0 ? '' : ` (${detached.join(', ')})`;
  const left = sizeText(shrunk.platform.remoteMemory);
  print(`freed ${sizeText(freed)} of platform ${platform}${which}; ${left} remote memory is left`);
}
