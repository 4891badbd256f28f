import { Command } from 'commander';
import { formatPairs, formatTable } from '../../common/table.js';
import type { BrickView } from '../../controller/views.js';
import { print, printJson, sizeText } from '../agent/output.js';
import {
  ask,
  brickArgument,
  bricksArgument,
  command,
  commandsController,
  speaksToController,
  type ClientOptions,
  type CommandOptions,
} from './client.js';

/** `sdm brick`: what the rack is made of. */
export function brickCommand(): Command {
  const brick = new Command('brick').description('bricks: what computes, and what lends memory');

  speaksToController(brick.command('list'))
    .description('list bricks')
    .action(async (options: ClientOptions) => {
      const { bricks } = (await ask(options, '/v1/bricks')) as { bricks: BrickView[] };
      if (options.json) return printJson(bricks);
      print(bricks.length === 0 ? 'no bricks' : brickTable(bricks));
    });

  speaksToController(brick.command('show'))
    .description('show a brick')
    .argument('<id>', 'rack.box.brick, such as 0.2.9', brickArgument)
    .action(async (id: string, options: ClientOptions) => {
      const found = (await ask(options, `/v1/bricks/${id}`)) as BrickView;
      if (options.json) return printJson(found);
      print(brickText(found));
    });

  const admin = (name: string, text: string, said: string): void => {
    commandsController(brick.command(name))
      .description(text)
      .argument('<id...>', 'bricks, such as 0.2.9', bricksArgument)
      .action((ids: string[], options: CommandOptions) => change(ids, name, options, said));
  };
  admin('drain', 'let nothing new go to bricks; what they have stays', 'is drained');
  admin('undrain', 'let new things go to bricks again', 'is not drained any more');

  commandsController(brick.command('fence'))
    .description('make sure that a lost brick cannot touch what it had')
    .argument('<id>', 'rack.box.brick, such as 0.2.9', brickArgument)
    .option('--confirmed', 'I have seen that it is off')
    .action(async (id: string, options: CommandOptions & { readonly confirmed?: true }) => {
      const body = options.confirmed ? { confirmed: true } : {};
      const answer = (await command(options, 'POST', `/v1/bricks/${id}/fence`, body)) as BrickView;
      if (options.json) return printJson(answer);
      const { platforms } = answer;
      const left =
        platforms.length === 0
          ? 'no platform has anything of it'
          : `platforms that still have what they had: ${platforms.join(', ')}; \`sdm platform release\` ` +
            'gives it back, scrubbed';
      print(`${id} is fenced: it reaches no remote memory; ${left}`);
    });
  return brick;
}

async function change(
  ids: readonly string[],
  action: string,
  options: CommandOptions,
  said: string,
): Promise<void> {
  for (const id of ids) {
    const answer = (await command(options, 'POST', `/v1/bricks/${id}/${action}`)) as BrickView;
    if (options.json) printJson(answer);
    else {
      const users = answer.platforms.length;
      const used =
        users === 0
          ? 'no platform uses it'
          : `platforms that use it: ${answer.platforms.join(', ')}`;
      print(`${id} ${said}; ${used}`);
    }
  }
}

/** How a brick is, in a word or two. */
export function conditionOf({ liveness, drained }: BrickView): string {
  return drained ? `${liveness}, drained` : liveness;
}

function brickTable(bricks: readonly BrickView[]): string {
  return formatTable(
    ['BRICK', 'TYPE', 'STATE', 'FREE', 'OF', 'TRANSCEIVERS', 'PLATFORMS', 'ADDRESS'],
    bricks.map((each) => {
      const [free, all] = capacity(each);
      const users = each.platforms.length === 0 ? '-' : each.platforms.join(' ');
      const own = [each.id, each.type, conditionOf(each), free, all];
      return [...own, String(each.transceivers), users, each.address ?? '-'];
    }),
  );
}

function capacity({ cores, localMemory, segments }: BrickView): [string, string] {
  if (cores !== undefined && localMemory !== undefined) {
    return [
      `${cores.free} cores, ${sizeText(localMemory.free)}`,
      `${cores.total} cores, ${sizeText(localMemory.total)}`,
    ];
  }
  if (segments === undefined) return ['-', '-'];
  return [`${segments.free} segments`, `${segments.total} segments`];
}

function brickText(brick: BrickView): string {
  const { id, type, address, ip, cores, localMemory, segments, transceivers, platforms } = brick;
  const pairs: [string, string][] = [
    ['brick', id],
    ['type', type],
    ['state', conditionOf(brick)],
  ];
  if (address !== undefined) pairs.push(['address', address]);
  if (ip !== undefined) pairs.push(['ip', ip]);
  if (cores !== undefined) pairs.push(['cores', `${cores.free} of ${cores.total} free`]);
  if (localMemory !== undefined) {
    const { free, total } = localMemory;
    pairs.push(['local memory', `${sizeText(free)} of ${sizeText(total)} free`]);
  }
  if (segments !== undefined) {
    const { free, total, dirty, quarantined } = segments;
    const rest = `${dirty} wait for a scrub, ${quarantined} quarantined`;
    pairs.push(['segments', `${free} of ${total} free, ${rest}`]);
  }
  pairs.push(['transceivers', String(transceivers)]);
  pairs.push(['platforms', platforms.length === 0 ? 'none' : platforms.join(', ')]);
  return formatPairs(pairs);
}
