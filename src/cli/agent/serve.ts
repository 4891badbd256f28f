import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import type { ConfigFile } from '../../agent/config.js';
import { DEFAULT_CONFIG_PATH } from '../../agent/defaults.js';

interface ServeOptions {
  readonly config: string;
  readonly socket?: string;
  readonly brick?: string;
  readonly log?: NonNullable<ConfigFile['log']>;
}

export function serveCommand(program: Command): void {
  program
    .command('serve')
    .description('run the agent of this brick; with role memory: its lender')
    .option('--config <file>', 'its configuration', DEFAULT_CONFIG_PATH)
    .option(
      '--socket <path>',
      'where it listens, in place of what the configuration says',
      (path) => resolve(path),
    )
    .option('--brick <name>', 'its name, in place of what the configuration says')
    .addOption(
      new Option('--log <level>', 'in place of what the configuration says').choices([
        'silent',
        'error',
        'warn',
        'info',
        'debug',
        'trace',
      ]),
    )
    .action(async ({ config: path, ...override }: ServeOptions) => {
      // The other commands start quickly because all of this is loaded by none of them.
      const { parseConfig, readConfig } = await import('../../agent/config.js');
      const read = await readConfig(path);
      const isObject = typeof read === 'object' && read !== null && !Array.isArray(read);
      const value = isObject ? { ...(read as object), ...override } : read;
      const { isLenderConfig, parseLenderConfig } = await import('../../agent/lender/config.js');
      if (isLenderConfig(value)) {
        const { serveLender } = await import('../../agent/lender/serve.js');
        process.exitCode = await serveLender(parseLenderConfig(value, path));
        return;
      }
      const { serve } = await import('../../agent/serve.js');
      process.exitCode = await serve(parseConfig(value, path));
    });
}
