import { Command, Option } from 'commander';
import { sdmCommand } from '../../common/called.js';
import { formatPairs, formatTable } from '../../common/table.js';
import type { AttachmentView, PlatformView } from '../../controller/views.js';
import { integerArgument } from '../agent/client.js';
import { print, printJson, sizeText } from '../agent/output.js';
import {
  ask,
  command,
  commandsController,
  platformArgument,
  platformsArgument,
  speaksToController,
  withClient,
  type ClientOptions,
  type CommandOptions,
} from './client.js';
import { allPlatforms } from './platforms.js';
import { coresText, describesPlatform, requestOf, type RequestOptions } from './request.js';

/** `sdm platform`: cores and memory that belong together, for one machine or VM. */
export function platformCommand(): Command {
  const platform = new Command('platform').description(
    'platforms: cores, local and remote memory that belong together',
  );
  const create = platform
    .command('create')
    .description('make a platform; its memory can be used when this ends')
    .addHelpText(
      'after',
      `
Examples:
  ${sdmCommand()} platform create --cores 4 --memory 16G
  ${sdmCommand()} platform create --cores 2 --local 1G --remote 4G --policy same-box --path-util 20`,
    );
  commandsController(describesPlatform(create))
    .addOption(
      new Option('--lease <seconds>', 'release it unless it is kept alive').argParser(
        integerArgument(1, 86_400),
      ),
    )
    .action(createPlatform);

  speaksToController(platform.command('list'))
    .description('list platforms')
    .action(async (options: ClientOptions) => {
      const platforms = await withClient(options, (client) => allPlatforms(client));
      if (options.json) return printJson(platforms);
      if (platforms.length === 0) return print('no platforms; `sdm platform create` makes one');
      print(platformTable(platforms));
    });

  speaksToController(platform.command('show'))
    .description('show a platform with its attachments')
    .argument('<id>', 'number of the platform', platformArgument)
    .action(async (id: number, options: ClientOptions) => {
      const found = (await ask(options, `/v1/platforms/${id}`)) as PlatformView;
      if (options.json) return printJson(found);
      print(platformText(found));
    });

  commandsController(platform.command('release'))
    .description('take everything from platforms, and give it back')
    .argument('<id...>', 'numbers of platforms', platformsArgument)
    .action(async (ids: number[], options: CommandOptions) => {
      for (const id of ids) {
        const key = options.idempotencyKey;
        const own = key === undefined || ids.length === 1 ? {} : { idempotencyKey: `${key}-${id}` };
        const answer = await command({ ...options, ...own }, 'DELETE', `/v1/platforms/${id}`);
        if (options.json) printJson(answer);
        else print(`released platform ${id}`);
      }
    });
  return platform;
}

async function createPlatform(options: CommandOptions & RequestOptions): Promise<void> {
  const body = requestOf(options);
  const made = (await command(options, 'POST', '/v1/platforms', body)) as PlatformView;
  if (options.json) return printJson(made);
  const { id, cores, brick, localMemory, remoteMemory, lease } = made;
  const memory = `${sizeText(localMemory)} local and ${sizeText(remoteMemory)} remote memory`;
  print(`created platform ${id}: ${coresText(cores)} of ${brick}, ${memory}`);
  if (lease !== undefined) print(`its lease is ${lease.id}: sdm lease keep ${lease.id}`);
  if (made.attachments.length > 0) print(attachmentTable(made.attachments));
}

function platformTable(platforms: readonly PlatformView[]): string {
  const right = (title: string) => ({ title, align: 'right' }) as const;
  return formatTable(
    [
      ...[right('ID'), 'NAME', 'STATE', 'BRICK', right('CORES'), right('LOCAL'), right('REMOTE')],
      ...[right('ATTACHMENTS'), 'OWNER', 'SINCE'],
    ],
    platforms.map((each) => [
      ...[String(each.id), each.name ?? '-', each.state, each.brick, String(each.cores)],
      ...[sizeText(each.localMemory), sizeText(each.remoteMemory)],
      ...[String(each.attachments.length), each.owner, each.created],
    ]),
  );
}

function platformText(platform: PlatformView): string {
  const { id, name, state, brick, island, cores, attachments, lease, error } = platform;
  const where = [brick, `island ${island}`, platform.address, platform.ip];
  const pairs: [string, string][] = [
    ['platform', name === undefined ? String(id) : `${id}, ${name}`],
    ['state', state],
    ['brick', where.filter((each) => each !== undefined).join(', ')],
    ['cores', String(cores)],
    ['local memory', sizeText(platform.localMemory)],
    ['remote memory', sizeText(platform.remoteMemory)],
    ['policy', `${platform.policy}, ${platform.pathUtil} % of each path`],
    ['owner', `${platform.owner}, since ${platform.created}`],
  ];
  if (lease !== undefined) pairs.push(['lease', `${lease.id}, ${lease.ttlMs / 1000} s`]);
  if (error !== undefined) pairs.push(['error', `${error.code}: ${error.message}`]);
  const failed = attachments
    .filter((each) => each.error !== undefined)
    .map((each) => `${each.id}: ${each.error!.code}: ${each.error!.message}`);
  const table = attachments.length === 0 ? [] : ['', attachmentTable(attachments)];
  return [formatPairs(pairs), ...table, ...failed].join('\n');
}

/** Where remote memory is, and which way it comes. */
export function attachmentTable(
  attachments: readonly (Omit<AttachmentView, 'id' | 'state'> & Partial<AttachmentView>)[],
): string {
  return formatTable(
    ['ATTACHMENT', 'STATE', 'SIZE', 'MEMORY', 'SEGMENTS', 'REMOTE', 'LOCAL', 'NODE', 'PATH'],
    attachments.map(({ id, state, size, memory, first, count, remote, at, node, path }) => [
      ...[id ?? '-', state ?? 'planned', sizeText(size), memory],
      count === 1 ? String(first) : `${first}-${first + count - 1}`,
      ...[remote, at?.start ?? '-', String(at?.node ?? node ?? '-')],
      pathText(path),
    ]),
  );
}

/** Such as `0 > dbesm-0-0 0:9 > 1`: transceivers, and the ports at each switch. */
function pathText({ computeTransceiver, hops, memoryTransceiver }: AttachmentView['path']): string {
  const ways = hops.map((hop) => `${hop.switch} ${hop.in}:${hop.out}`);
  return [computeTransceiver, ...ways, memoryTransceiver].join(' > ');
}
