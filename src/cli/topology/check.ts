import { Command } from 'commander';
import { SdmError } from '../../common/errors.js';
import { print, printJson } from '../agent/output.js';

interface Fault {
  readonly text: string;
}

/** `sdm topology check`: what is wrong with files, all of it. */
export function checkCommand(): Command {
  return new Command('check')
    .description('say what is wrong with topology files; exit code 1 if something is')
    .argument('<file...>', 'topology files; - for standard input')
    .option('--json', 'print JSON for programs')
    .action(async (files: string[], { json }: { readonly json?: true }) => {
      const { readTopology } = await import('../../controller/inventory/topology-file.js');
      const answers = [];
      for (const file of files) {
        try {
          await readTopology(file);
          answers.push({ file, faults: [] });
          if (!json) print(`${file} is a topology`);
        } catch (error) {
          if (!(error instanceof SdmError) || error.code !== 'SDM_TOPOLOGY') throw error;
          const faults = (error.details?.['faults'] as Fault[] | undefined) ?? [
            { text: error.message },
          ];
          answers.push({ file, faults });
          if (!json) for (const { text } of faults) print(text);
          process.exitCode = 1;
        }
      }
      if (json) printJson(answers);
    });
}
