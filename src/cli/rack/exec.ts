import { Command } from 'commander';
import { sdmCommand } from '../../common/called.js';
import { foreground } from './foreground.js';
import { brickArgument, nameOption } from './options.js';

export function execCommand(): Command {
  return new Command('exec')
    .description('run a command in a brick, as root')
    .argument('<brick>', 'number of the brick, from 1', brickArgument)
    .argument('<command...>', 'the command and its arguments, after --')
    .addOption(nameOption())
    .addHelpText(
      'after',
      `
Input and output are the command's own, and so is the exit code (255: ssh itself failed). Each
argument arrives as it is; for a shell's work say so: ${sdmCommand()} rack exec 1 -- sh -c 'free; sdm-agent memory'`,
    )
    .action(async (n: number, command: string[], { name }: { name: string }) => {
      await inBrick(name, n, command, ['-T']);
    });
}

export function sshCommand(): Command {
  return new Command('ssh')
    .description('log in to a brick, or run a command there on a terminal')
    .argument('<brick>', 'number of the brick, from 1', brickArgument)
    .argument('[command...]', 'a command and its arguments, after --')
    .addOption(nameOption())
    .addHelpText(
      'after',
      `
Keys are made for each rack; there are no passwords. Other tools get in through the rack's own
configuration of ssh: scp -F DIR/ssh/config file NAME-brick1:/tmp/`,
    )
    .action(async (n: number, command: string[], { name }: { name: string }) => {
      await inBrick(name, n, command, process.stdin.isTTY ? ['-t'] : []);
    });
}

async function inBrick(
  name: string,
  n: number,
  command: readonly string[],
  options: readonly string[],
): Promise<void> {
  const { openRack } = await import('../../rack/index.js');
  const rack = openRack(name);
  rack.requireRunning(n);
  await foreground(rack.sshArgv(n, command, options));
}
