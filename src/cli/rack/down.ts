import { Command } from 'commander';
import { SdmError } from '../../common/errors.js';
import { nameOption } from './options.js';

interface DownOptions {
  readonly name: string;
  readonly all?: true;
  readonly keepLogs?: true;
}

export function downCommand(): Command {
  return new Command('down')
    .description('stop a rack and remove all of it, also after a crash')
    .addOption(nameOption())
    .option('-a, --all', 'all racks')
    .option(
      '--keep-logs',
      'keep consoles, QEMU’s messages and agents’ logs beside the rack’s directory',
    )
    .addHelpText(
      'after',
      `
What the pool holds is gone with it. A rack that is not there is no error. Interrupted, run it again.`,
    )
    .action(down);
}

async function down({ name, all, keepLogs }: DownOptions, command: Command): Promise<void> {
  // A name from SDM_RACK is only a default.
  if (all === true && command.getOptionValueSource('name') === 'cli') {
    throw new SdmError(
      'SDM_USAGE',
      `--all takes down every rack and --name ${name} only that one: give one of the two`,
    );
  }
  const { listRacks, rackDown } = await import('../../rack/index.js');
  const names = all === true ? listRacks().map((rack) => rack.name) : [name];
  for (const rack of names) {
    const found = await rackDown(rack, { keepLogs: keepLogs === true });
    console.log(found ? `rack ${rack} is down` : `there is no rack ${rack}: nothing to do`);
  }
  if (names.length === 0) console.log('no racks: nothing to do');
}
