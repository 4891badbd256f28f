import { Option, type Command } from 'commander';
import { DEFAULT_CONFIG_PATH } from '../../agent/defaults.js';
import { print, printJson } from './output.js';

const INVALID = 1;

export function configCommands(program: Command): void {
  const config = program.command('config').description("the agent's configuration file");
  config
    .command('check')
    .description('say all that is wrong with a configuration; exit code 0: nothing, 1: something')
    .argument('[file]', 'the file', DEFAULT_CONFIG_PATH)
    .option('--json', 'print JSON for programs')
    .action(check);
  config
    .command('schema')
    .description('print the JSON Schema of the file, for editors')
    .addOption(
      new Option('--role <role>', 'of a brick that uses memory, or of one that lends it')
        .choices(['compute', 'memory'])
        .default('compute'),
    )
    .action(async ({ role }: { readonly role: string }) => {
      if (role === 'memory') {
        const { lenderEditorSchema } = await import('../../agent/lender/config-schema.js');
        return printJson(lenderEditorSchema());
      }
      const { editorSchema } = await import('../../agent/config-schema.js');
      printJson(editorSchema());
    });
}

async function check(file: string, { json }: { readonly json?: true }): Promise<void> {
  const { faultText, readConfig } = await import('../../agent/config.js');
  const value = await readConfig(file, 'after `config check`');
  const { isLenderConfig, lenderFaultsOf } = await import('../../agent/lender/config.js');
  const { faultsOf } = await import('../../agent/config-check.js');
  const found = isLenderConfig(value) ? lenderFaultsOf(value) : faultsOf(value);
  const faults = found.map((fault) => ({
    key: fault.key,
    expected: fault.expected,
    found: fault.found ?? null,
    message: faultText(file, fault),
  }));
  if (json) printJson({ file, valid: faults.length === 0, faults });
  else if (faults.length === 0) print(`${file} is valid`);
  for (const { message } of json ? [] : faults) {
    process.stderr.write(`sdm-agent: SDM_CONFIG: ${message}\n`);
  }
  if (faults.length > 0) process.exitCode = INVALID;
}
