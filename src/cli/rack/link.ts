import { Argument, Command } from 'commander';
import { brickArgument, nameOption, transceiverArgument } from './options.js';

export function linkCommand(): Command {
  return new Command('link')
    .description('take the link of a brick’s transceiver up or down')
    .argument('<brick>', 'number of the brick, from 1', brickArgument)
    .argument('<transceiver>', 'number of the transceiver, from 0', transceiverArgument)
    .addArgument(new Argument('<state>', 'what to make of it').choices(['up', 'down']))
    .addOption(nameOption())
    .addHelpText(
      'after',
      `
The rack is the other side of a brick's links. A memport whose link is down cannot be activated;
one that is active stays so. On a stock QEMU its memory is there all the same: the pool is memory of
the host. On a patched one it is gone until the link is up again, as on hardware: a program that
touches it ends with SIGBUS, and where the kernel itself does, as with system RAM, the brick crashes.`,
    )
    .action(async (n: number, t: number, state: 'up' | 'down', { name }: { name: string }) => {
      const { openRack } = await import('../../rack/index.js');
      const changed = await openRack(name).link(n, t, state === 'up');
      console.log(`link ${t} of brick ${n} is ${changed ? '' : 'already '}${state}`);
    });
}
