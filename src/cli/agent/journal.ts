import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { DEFAULT_STATE_DIR } from '../../agent/defaults.js';
import { SdmError } from '../../common/errors.js';
import { print, printJson } from './output.js';

interface ShowOptions {
  readonly stateDir: string;
  readonly json?: true;
}

export function journalCommands(program: Command): void {
  program
    .command('journal')
    .description('the journal of the agent')
    .command('show')
    .description('print what the journal says; changes nothing, an agent may run')
    .option('--state-dir <dir>', 'where it lies', (path) => resolve(path), DEFAULT_STATE_DIR)
    .option('--json', 'print JSON for programs')
    .action(show);
}

async function show({ stateDir, json }: ShowOptions): Promise<void> {
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
      `there is no journal in ${stateDir}: no agent has used it yet, or --state-dir must name the ` +
        'directory that is stateDir in its configuration',
      { details: { file } },
    );
  }
  const contents = readLog(bytes);
  if (json) printJson(journalJson(file, bytes.length, contents));
  else print(journalText(file, bytes.length, contents));
  if (contents.damage !== undefined && contents.damage.kind !== 'torn') process.exitCode = 1;
}
