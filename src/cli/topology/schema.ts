import { Command } from 'commander';
import { printJson } from '../agent/output.js';

/** `sdm topology schema`: what the file may hold, for editors. */
export function schemaCommand(): Command {
  return new Command('schema')
    .description('print the JSON schema of a topology file, for editors')
    .action(async () => {
      const { TopologyFile } = await import('../../controller/inventory/topology-schema.js');
      const $schema = 'https://json-schema.org/draft/2020-12/schema';
      printJson({ $schema, title: 'SDM topology', ...TopologyFile });
    });
}
