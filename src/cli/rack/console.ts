import { Command } from 'commander';
import { sdmCommand } from '../../common/called.js';
import { brickArgument, nameOption } from './options.js';

export function consoleCommand(): Command {
  return new Command('console')
    .description('the serial console of a brick; Ctrl-] leaves')
    .argument('<brick>', 'number of the brick, from 1', brickArgument)
    .addOption(nameOption())
    .addHelpText(
      'after',
      `
One at a time. All keys go to the brick, Ctrl-C too. What was said before is in "${sdmCommand()} rack logs".`,
    )
    .action(async (n: number, { name }: { name: string }) => {
      const { openRack } = await import('../../rack/index.js');
      const { attachConsole } = await import('../../rack/console.js');
      const rack = openRack(name);
      rack.requireRunning(n);
      await attachConsole(rack.layout.brick(n));
    });
}
