import { Command } from 'commander';
import { sdmCommand } from '../common/called.js';
import { runCli } from './run.js';
import { rackCommand } from './rack/index.js';

const sdm = sdmCommand();
const program = new Command('sdm')
  .description('Software-defined memory: the operator’s commands.')
  .addHelpText(
    'after',
    `
Start here:
  ${sdm} rack up                  two emulated bricks that share a pool of memory
  ${sdm} rack exec 1 -- sdm-agent probe
  ${sdm} rack exec 1 -- sdm-agent attach --size 1G
  ${sdm} rack down

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 cancelled.
Errors are one line, "sdm: CODE: message"; the codes do not change.`,
  );
program.addCommand(rackCommand());

await runCli(program, process.argv);
