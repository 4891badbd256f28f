import type { Command } from 'commander';
import type { Transceiver } from '../../agent/api/schemas.js';
import { formatTable } from '../../common/table.js';
import { ask, integerArgument, speaksToAgent, type ClientOptions } from './client.js';
import { print, printJson } from './output.js';

export function transceiverCommands(program: Command): void {
  const transceiver = program.command('transceiver').description('links to the network');

  speaksToAgent(transceiver.command('list'))
    .description('list transceivers')
    .action(async (options: ClientOptions) => {
      const { transceivers } = (await ask(options, { path: '/v1/transceivers' })) as {
        transceivers: Transceiver[];
      };
      if (options.json) return printJson(transceivers);
      if (transceivers.length === 0) return print('this brick has no transceivers');
      const rows = transceivers.map((t) => [
        String(t.transceiver),
        t.up ? 'up' : 'down',
        BigInt(t.downs).toString(),
        t.memports.join(', ') || '-',
        t.attachments.join(', ') || '-',
      ]);
      print(formatTable(['N', 'LINK', 'DOWNS', 'MEMPORTS', 'ATTACHMENTS'], rows));
    });

  speaksToAgent(transceiver.command('reset'))
    .description('reset a transceiver')
    .argument('<n>', 'transceiver', integerArgument(0, 15))
    .action(async (n: number, options: ClientOptions) => {
      const answer = (await ask(options, {
        method: 'POST',
        path: `/v1/transceivers/${n}/reset`,
      })) as Transceiver;
      if (options.json) return printJson(answer);
      print(`reset transceiver ${n}: link ${answer.up ? 'up' : 'down'}`);
    });
}
