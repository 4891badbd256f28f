import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { DEFAULT_CONFIG_PATH, DEFAULT_STATE_DIR } from '../../agent/defaults.js';
import type { Damage } from '../../agent/journal/lines.js';
import { SdmError } from '../../common/errors.js';
import { print, printJson } from './output.js';

interface ShowOptions {
  readonly stateDir?: string;
  readonly config?: string;
  readonly json?: true;
}

export function journalCommands(program: Command): void {
  program
    .command('journal')
    .description('the journal of the agent')
    .command('show')
    .description('print what the journal says; changes nothing, an agent may run')
    .option('--state-dir <dir>', 'where it lies (default: as configured)', (path) => resolve(path))
    .option(
      '--config <file>',
      `the agent's configuration, whose stateDir it is (default ${DEFAULT_CONFIG_PATH} if it is there)`,
    )
    .option('--json', 'print JSON for programs')
    .action(show);
}

/** Where the journal lies: what else is in a configuration need not be right for that. */
async function configuredStateDir(config: string | undefined): Promise<string> {
  if (config === undefined && !existsSync(DEFAULT_CONFIG_PATH)) return DEFAULT_STATE_DIR;
  const { readConfig } = await import('../../agent/config.js');
  const value = (await readConfig(config ?? DEFAULT_CONFIG_PATH)) as { stateDir?: unknown } | null;
  const stateDir = value?.stateDir;
  return typeof stateDir === 'string' ? resolve(stateDir) : DEFAULT_STATE_DIR;
}

async function show({ stateDir: named, config, json }: ShowOptions): Promise<void> {
  const stateDir = named ?? (await configuredStateDir(config));
  const [{ FILES, readLogFile }, { readLog }, { journalJson, journalText }] = await Promise.all([
    import('../../agent/journal/read-file.js'),
    import('../../agent/journal/lines.js'),
    import('../../agent/journal/view.js'),
  ]);
  const file = join(stateDir, FILES.LOG);
  const bytes = await readLogFile(file).catch((cause: NodeJS.ErrnoException) => {
    if (cause instanceof SdmError) throw cause;
    const advice = cause.code === 'EACCES' ? ': become root, or the user of the agent' : '';
    throw new SdmError('SDM_JOURNAL', `${file} cannot be read (${cause.message})${advice}`, {
      details: { file },
      cause,
    });
  });
  if (bytes === undefined) {
    throw new SdmError(
      'SDM_NOT_FOUND',
      `there is no journal in ${stateDir}: no agent has used it yet, or --config must name the ` +
        'configuration of the agent, or --state-dir its stateDir',
      { details: { file } },
    );
  }
  const { isLenderLog, lenderJournalJson, lenderJournalText, readLenderLog } =
    await import('../../agent/lender/journal-view.js');
  let damage: Damage | undefined;
  if (isLenderLog(bytes)) {
    const contents = readLenderLog(bytes);
    ({ damage } = contents);
    if (json) printJson(lenderJournalJson(file, bytes.length, contents));
    else print(lenderJournalText(file, bytes.length, contents));
  } else {
    const contents = readLog(bytes);
    ({ damage } = contents);
    if (json) printJson(journalJson(file, bytes.length, contents));
    else print(journalText(file, bytes.length, contents));
  }
  if (damage !== undefined && damage.kind !== 'torn') process.exitCode = 1;
}
