import { Command } from 'commander';
import { checkCommand } from './check.js';
import { exportCommand } from './export.js';
import { generateCommand } from './generate.js';
import { schemaCommand } from './schema.js';
import { showCommand } from './show.js';

/** `sdm topology`: what a rack is made of, as a file. */
export function topologyCommand(): Command {
  const topology = new Command('topology').description('what a rack is made of, and its drawings');
  for (const command of [
    generateCommand,
    showCommand,
    checkCommand,
    exportCommand,
    schemaCommand,
  ]) {
    topology.addCommand(command());
  }
  return topology.addHelpText('after', '\ndocs/topology.md has the file by example.');
}
