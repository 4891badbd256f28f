import { Command } from 'commander';
import { sdmCommand } from '../../common/called.js';
import { brickArgument, nameOption } from './options.js';

export function monitorCommand(): Command {
  return new Command('monitor')
    .description('give a brick’s QEMU a command of its monitor, and print the answer')
    .argument('<brick>', 'number of the brick, from 1', brickArgument)
    .argument('<command...>', 'what to say there')
    .addOption(nameOption())
    .addHelpText(
      'after',
      `
"info mtree" shows what is where in the brick's address space, "info qtree" its devices, "help" all
there is. Of a rack that was made with --qemu patched, "info sdm" shows memports, links and what is
behind them:
  ${sdmCommand()} rack monitor 1 info sdm

QEMU's machine protocol, which programs speak, is at the brick's qmp.sock.`,
    )
    .action(async (n: number, command: string[], { name }: { name: string }) => {
      const { openRack } = await import('../../rack/index.js');
      const answer = await openRack(name).monitor(n, command.join(' '));
      process.stdout.write(answer.replaceAll('\r\n', '\n'));
    });
}
