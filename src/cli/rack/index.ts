import { Command } from 'commander';
import { sdmCommand } from '../../common/called.js';
import { consoleCommand } from './console.js';
import { downCommand } from './down.js';
import { execCommand, sshCommand } from './exec.js';
import { linkCommand } from './link.js';
import { logsCommand } from './logs.js';
import { monitorCommand } from './monitor.js';
import { statusCommand } from './status.js';
import { upCommand } from './up.js';

/** `sdm rack`: a rack of virtual machines on this host, to try and to test with. */
export function rackCommand(): Command {
  const rack = new Command('rack').description('an emulated rack on this machine');
  const commands = [
    upCommand,
    statusCommand,
    sshCommand,
    execCommand,
    consoleCommand,
    logsCommand,
    linkCommand,
    monitorCommand,
    downCommand,
  ];
  for (const command of commands) rack.addCommand(command());
  const sdm = sdmCommand();
  return rack.addHelpText(
    'after',
    `
A first look:
  ${sdm} rack up
  ${sdm} rack exec 1 -- sdm-agent probe
  ${sdm} rack exec 1 -- sdm-agent attach --size 1G
  ${sdm} rack exec 1 -- sdm-agent memory
  ${sdm} rack down

docs/rack.md says what a rack is made of.`,
  );
}
