import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { ConfigFile } from '../controller/config.js';
import { LOG_LEVELS } from '../common/log.js';
import { packageVersion } from '../common/version.js';

interface ServeOptions {
  readonly config?: string;
  readonly name?: string;
  readonly topology?: string;
  readonly store?: string;
  readonly listen?: string[];
  readonly pki?: string;
  readonly tokens?: string;
  readonly policy?: string;
  readonly log?: NonNullable<ConfigFile['log']>;
}

interface RestoreOptions {
  readonly store: string;
  readonly json?: true;
}

const INVALID = 1;
const DEFAULT_CONFIG_PATH = '/etc/sdm/controller.json';
const absolute = (path: string): string => resolve(path);

/** The command `sdm-controller`. */
export function controllerProgram(): Command {
  const program = new Command('sdm-controller')
    .description('The controller of a rack: who has which part of it, and what is done for that.')
    .version(packageVersion());

  program
    .command('serve')
    .description('run the controller')
    .option(
      '--config <file>',
      `its configuration (${DEFAULT_CONFIG_PATH}, unless --topology is given)`,
    )
    .option('--name <name>', 'who commands, as agents and lenders show it')
    .option('--topology <file>', 'what there is: docs/topology.md', absolute)
    .option('--store <dir>', 'directory of the database', absolute)
    .option(
      '--listen <address>',
      'where it listens: unix:/path, http://127.0.0.1:8080, https://host:port; may be given again',
      (address: string, before: string[] = []) => [...before, address],
    )
    .option('--pki <dir>', 'made by `sdm pki issue --role controller`', absolute)
    .option('--tokens <file>', 'made by `sdm pki token`', absolute)
    .option('--policy <name>', 'where a request that names none goes')
    .addOption(new Option('--log <level>', 'how much is logged').choices(LOG_LEVELS))
    .addHelpText(
      'after',
      `
Options go before what the configuration says; with --topology there need not be one. For example:
  sdm topology generate --bricks 16 -o /tmp/topology.json
  sdm-controller serve --topology /tmp/topology.json --store /tmp/sdm --listen unix:/tmp/sdm.sock`,
    )
    .action(async ({ config, ...override }: ServeOptions) => {
      const [{ loadConfig }, { serve }] = await Promise.all([
        import('../controller/config.js'),
        import('../controller/serve.js'),
      ]);
      const path = config ?? (override.topology === undefined ? DEFAULT_CONFIG_PATH : undefined);
      process.exitCode = await serve(await loadConfig(path, override));
    });

  program
    .command('restore')
    .description(
      "put a backup in the place of a controller's database; the controller must not run",
    )
    .argument('<file>', 'made by `sdm backup`')
    .requiredOption('--store <dir>', 'directory of the database', absolute)
    .option('--json', 'print JSON for programs')
    .addHelpText(
      'after',
      `
The database that is there is kept beside it. Terms and ids of platforms go on far above those of the
backup: what was made after it is still at agents and lenders, which would take a later one for it.`,
    )
    .action(async (file: string, { store, json }: RestoreOptions) => {
      const [{ createLog }, { restoreBackup }] = await Promise.all([
        import('../common/log.js'),
        import('../controller/restore.js'),
      ]);
      const restored = await restoreBackup(file, store, createLog('sdm-controller', 'error'));
      if (json) return void process.stdout.write(`${JSON.stringify(restored)}\n`);
      const { nextPlatform, before } = restored;
      const kept = before === undefined ? '' : `; what was there is ${before}`;
      process.stdout.write(
        `restored ${restored.store}: the next platform is ${nextPlatform}${kept}\n`,
      );
    });

  const config = program.command('config').description('its configuration file');
  config
    .command('check')
    .description('say all that is wrong with a configuration; exit code 0: nothing, 1: something')
    .argument('[file]', 'the file', DEFAULT_CONFIG_PATH)
    .option('--json', 'print JSON for programs')
    .action(async (file: string, { json }: { readonly json?: true }) => {
      const { faultsOf, faultText, readConfig } = await import('../controller/config.js');
      const faults = faultsOf(await readConfig(file)).map((fault) => ({
        ...{ key: fault.key, expected: fault.expected, found: fault.found ?? null },
        message: faultText(file, fault),
      }));
      if (json)
        process.stdout.write(`${JSON.stringify({ file, valid: faults.length === 0, faults })}\n`);
      else if (faults.length === 0) process.stdout.write(`${file} is valid\n`);
      for (const { message } of json ? [] : faults) {
        process.stderr.write(`sdm-controller: SDM_CONFIG: ${message}\n`);
      }
      if (faults.length > 0) process.exitCode = INVALID;
    });
  config
    .command('schema')
    .description('print the JSON Schema of the file, for editors')
    .action(async () => {
      const { editorSchema } = await import('../controller/config-schema.js');
      process.stdout.write(`${JSON.stringify(editorSchema(), undefined, 2)}\n`);
    });
  return program;
}
