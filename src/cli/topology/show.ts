import { Command } from 'commander';
import { print, printJson } from '../agent/output.js';
import { speaksToController, type ClientOptions } from '../operator/client.js';
import { topologyFrom } from './source.js';

/** `sdm topology show`: a tree, and how many there are of each. */
export function showCommand(): Command {
  return speaksToController(new Command('show'))
    .description("show a topology as a tree: a file's, or the controller's")
    .argument('[file]', "a topology file; - for standard input; default: the controller's")
    .option('--all', 'each brick; default: bricks that are alike in one line')
    .action(async (file: string | undefined, options: ClientOptions & { readonly all?: true }) => {
      const topology = await topologyFrom(file, options);
      const { countsOf, countsText, treeOf } = await import('./tree.js');
      const counts = countsOf(topology);
      if (options.json) return printJson({ counts, topology });
      for (const line of treeOf(topology, options.all === true)) print(line);
      print(`\n${countsText(counts)}`);
    });
}
