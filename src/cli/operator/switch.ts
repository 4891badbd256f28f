import { Command, InvalidArgumentError } from 'commander';
import { formatPairs, formatTable } from '../../common/table.js';
import { SWITCH_ID_EXPECTED, SWITCH_ID_PATTERN } from '../../controller/inventory/brick-id.js';
import type { SwitchView, TrayView } from '../../controller/views.js';
import { print, printJson } from '../agent/output.js';
import { ask, speaksToController, type ClientOptions } from './client.js';

/** `sdm switch`: what joins bricks. */
export function switchCommand(): Command {
  const command = new Command('switch').description('switches, and what they connect');

  speaksToController(command.command('list'))
    .description('list switches')
    .action(async (options: ClientOptions) => {
      const { switches } = (await ask(options, '/v1/switches')) as { switches: SwitchView[] };
      if (options.json) return printJson(switches);
      if (switches.length === 0) return print('no switches');
      const right = (title: string) => ({ title, align: 'right' }) as const;
      print(
        formatTable(
          ['SWITCH', 'KIND', right('PORTS'), right('CONNECTIONS'), 'DBMC'],
          switches.map(({ id, kind, ports, connections, dbmc }) => [
            ...[id, kind, String(ports), String(connections.length), dbmc ?? '-'],
          ]),
        ),
      );
    });

  speaksToController(command.command('show'))
    .description('show a switch and what goes through it')
    .argument('<id>', 'such as dbesm-0-2', switchArgument)
    .action(async (id: string, options: ClientOptions) => {
      const found = (await ask(options, `/v1/switches/${id}`)) as SwitchView;
      if (options.json) return printJson(found);
      const { kind, ports, dbmc, connections } = found;
      print(
        formatPairs([
          ['switch', `${id}, ${kind}, ${ports} ports`],
          ['dbmc', dbmc ?? 'none: nothing is set there'],
        ]),
      );
      if (connections.length === 0) return print('nothing is connected');
      print(
        `\n${formatTable(
          ['IN', 'OUT', 'ATTACHMENTS'],
          connections.map((each) => [
            ...[String(each.in), String(each.out), each.attachments.join(' ') || '-'],
          ]),
        )}`,
      );
    });
  return command;
}

function switchArgument(text: string): string {
  if (new RegExp(SWITCH_ID_PATTERN).test(text)) return text;
  throw new InvalidArgumentError(`Expected ${SWITCH_ID_EXPECTED}.`);
}

/** `sdm tray`: trays that have registered. */
export function trayCommand(): Command {
  const command = new Command('tray').description('trays that have registered');
  speaksToController(command.command('list'))
    .description('list trays, and racks whose switches have registered')
    .action(async (options: ClientOptions) => {
      const { trays } = (await ask(options, '/v1/trays')) as { trays: TrayView[] };
      if (options.json) return printJson(trays);
      if (trays.length === 0) return print('no tray has registered');
      print(
        formatTable(
          ['TRAY', 'BRICKS', 'ADDRESS', 'SEEN'],
          trays.map((each) => [each.id, String(each.bricks), each.address, each.seen]),
        ),
      );
    });
  return command;
}
