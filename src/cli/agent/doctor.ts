import { Option, type Command } from 'commander';
import { DEFAULT_CONFIG_PATH } from '../../agent/defaults.js';
import { call } from '../../common/http.js';
import { cancellable } from '../cancellable.js';
import { print, printJson } from './output.js';

/** For questions, which an agent that works answers at once. */
const ANSWER_MS = 10_000;
const PROBLEMS = 1;

interface DoctorCommand {
  readonly config: string;
  readonly socket?: string;
  readonly scratch: boolean;
  readonly json?: true;
  readonly sysroot: string;
}

export function doctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('examine this brick; exit code 0: no problem, 1: problems')
    .option('--config <file>', "the agent's configuration", DEFAULT_CONFIG_PATH)
    .addOption(
      new Option('--socket <path>', "the agent's, in place of what the configuration says").env(
        'SDM_AGENT_SOCKET',
      ),
    )
    .option('--no-scratch', 'do not set a free memport and clear it')
    .option('--json', 'print JSON for programs')
    .addOption(new Option('--sysroot <dir>').default('/').hideHelp())
    .action(async ({ config, socket, scratch, json, sysroot }: DoctorCommand) => {
      const { examine } = await import('../../agent/doctor/index.js');
      const report = await cancellable((signal) =>
        examine({
          root: sysroot,
          configPath: config,
          ...(socket && { socket }),
          loadNative: async () => (await import('../../native/index.js')).native,
          askOn: (socketPath) => (request) =>
            call({ timeoutMs: ANSWER_MS, ...request, socketPath }),
          scratch,
          signal,
        }),
      );
      if (json) printJson(report);
      else {
        const { reportText } = await import('../../agent/doctor/text.js');
        print(reportText(report));
      }
      if (report.counts.problem > 0) process.exitCode = PROBLEMS;
    });
}
