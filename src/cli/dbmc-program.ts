import { Command, Option } from 'commander';
import type { ConfigFile } from '../dbmc/config.js';
import { LOG_LEVELS } from '../common/log.js';
import { packageVersion } from '../common/version.js';

interface ServeOptions {
  readonly config: string;
  readonly listen?: string;
  readonly controller?: string;
  readonly stateDir?: string;
  readonly topology?: string;
  readonly role?: 'tray' | 'rack';
  readonly id?: string;
  readonly log?: NonNullable<ConfigFile['log']>;
}

/** The command `sdm-dbmc`. */
export function dbmcProgram(): Command {
  const program = new Command('sdm-dbmc')
    .description('The daemon of a tray: its bricks, sensors and switches.')
    .version(packageVersion());

  program
    .command('serve')
    .description('serve a tray, or the switches of a rack')
    .option('--config <file>', 'its configuration', '/etc/sdm/dbmc.json')
    .addOption(
      new Option('--role <role>', 'tray, or rack for the switches of a rack').choices([
        'tray',
        'rack',
      ]),
    )
    .option('--id <id>', 'which tray (rack.box.tray), or with role rack which rack')
    .option('--topology <file>', 'where bricks, switches and links of this tray are taken from')
    .option('--listen <address>', 'where it listens, such as http://127.0.0.1:7001')
    .option('--controller <address>', 'which controller is told of this tray')
    .option('--state-dir <dir>', 'where what the board is told is kept')
    .addOption(new Option('--log <level>', 'how much is logged').choices(LOG_LEVELS))
    .addHelpText(
      'after',
      `
Options go before what the configuration says. Today the board is emulated, which every answer says;
docs/dbmc.md has the routes, the configuration, and how a real board is added. For example:
  curl -H "Content-Type: application/json" -X GET \\
    'http://127.0.0.1:7001/api/dbrick/info?dRackId=0&dBoxId=2&dBrickId=9'`,
    )
    .action(async ({ config: path, ...override }: ServeOptions) => {
      const [{ loadConfig }, { serve }] = await Promise.all([
        import('../dbmc/config.js'),
        import('../dbmc/serve.js'),
      ]);
      process.exitCode = await serve(await loadConfig(path, override));
    });
  return program;
}
