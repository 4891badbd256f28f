import { Command, CommanderError } from 'commander';
import { sdmCommand } from '../common/called.js';
import { packageVersion } from '../common/version.js';
import { print } from './agent/output.js';

/**
 * What adds commands, and their names: of a command line that begins with one only that group is
 * loaded. With any other beginning, and for help, it is all of them.
 */
const GROUPS: readonly (readonly [load: () => Promise<Command>, name: string])[] = [
  [async () => (await import('./operator/platform.js')).platformCommand(), 'platform'],
  [async () => (await import('./operator/memory.js')).memoryCommand(), 'memory'],
  [async () => (await import('./operator/brick.js')).brickCommand(), 'brick'],
  [async () => (await import('./operator/switch.js')).switchCommand(), 'switch'],
  [async () => (await import('./operator/switch.js')).trayCommand(), 'tray'],
  [async () => (await import('./operator/plan.js')).planCommand(), 'plan'],
  [async () => (await import('./operator/plan.js')).explainCommand(), 'explain'],
  [async () => (await import('./operator/state.js')).totalsCommand(), 'totals'],
  [async () => (await import('./operator/top.js')).topCommand(), 'top'],
  [async () => (await import('./operator/events.js')).eventsCommand(), 'events'],
  [async () => (await import('./operator/state.js')).driftCommand(), 'drift'],
  [async () => (await import('./operator/state.js')).leaseCommand(), 'lease'],
  [async () => (await import('./operator/state.js')).backupCommand(), 'backup'],
  [async () => (await import('./topology/index.js')).topologyCommand(), 'topology'],
  [async () => (await import('./pki/index.js')).pkiCommand(), 'pki'],
  [async () => (await import('./rack/index.js')).rackCommand(), 'rack'],
  [async () => (await import('../iaas/command.js')).testCommand(), 'test'],
  [async () => (await import('./completion/index.js')).completionCommand(), 'completion'],
];

/** The command `sdm`. @param first the first word of the command line; undefined: with all commands. */
export async function sdmProgram(first?: string): Promise<Command> {
  const sdm = sdmCommand();
  const program = new Command('sdm')
    .description('Software-defined memory: the operator’s commands.')
    .option('-V, --version', 'print the version')
    .on('option:version', () => {
      print(packageVersion());
      throw new CommanderError(0, 'commander.version', '');
    })
    .addHelpText(
      'after',
      `
With a controller (--controller ADDRESS or SDM_CONTROLLER; docs/sdm.md):
  ${sdm} platform create --cores 4 --memory 16G
  ${sdm} top
Without anything: two emulated bricks that share a pool of memory (docs/rack.md):
  ${sdm} rack up
  ${sdm} rack exec 1 -- sdm-agent attach --size 1G
  ${sdm} rack down

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 cancelled.
Errors are one line, "sdm: CODE: message"; the codes do not change.`,
    );
  const named = GROUPS.filter(([, name]) => name === first);
  for (const [load] of named.length > 0 ? named : GROUPS) program.addCommand(await load());
  return program;
}
