import { Command, Option } from 'commander';
import type { Reserved } from '../../controller/inventory/export-state.js';
import { ask, reaches, withClient, type ClientOptions } from '../operator/client.js';
import { allPlatforms } from '../operator/platforms.js';
import { writePieces } from './output.js';
import { topologyFrom } from './source.js';

interface Options extends ClientOptions {
  readonly format: 'gexf' | 'dot' | 'json';
  readonly output?: string;
  readonly plain?: true;
}

/** `sdm topology export`: a topology for drawing programs. */
export function exportCommand(): Command {
  return reaches(new Command('export'))
    .description("draw a topology: a file's, or the controller's with what is reserved")
    .argument('[file]', "a topology file; - for standard input; default: the controller's")
    .addOption(
      new Option('--format <format>', 'gexf for Gephi, dot for Graphviz, json for the file itself')
        .choices(['gexf', 'dot', 'json'])
        .default('gexf'),
    )
    .option('--plain', 'without what is reserved')
    .option('-o, --output <file>', 'where to; default: standard output')
    .action(async (file: string | undefined, options: Options) => {
      const { format, output, plain } = options;
      const topology = await topologyFrom(file, options);
      if (format === 'json') {
        return writePieces([`${JSON.stringify(topology, null, 2)}\n`], output);
      }
      const known = file === undefined && !plain ? await reservedAt(options) : undefined;
      const { gexf } = await import('../../controller/inventory/export-gexf.js');
      const { dot } = await import('../../controller/inventory/export-dot.js');
      await writePieces((format === 'gexf' ? gexf : dot)(topology, known), output);
    });
}

async function reservedAt(options: ClientOptions): Promise<Reserved> {
  const [bricks, platforms] = await Promise.all([
    ask(options, '/v1/bricks') as Promise<Pick<Reserved, 'bricks'>>,
    withClient(options, (client) => allPlatforms(client)),
  ]);
  return { ...bricks, platforms };
}
