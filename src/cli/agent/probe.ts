import { existsSync, readFileSync, statSync } from 'node:fs';
import { Option, type Command } from 'commander';
import type { Brick } from '../../agent/api/brick-schema.js';
import { DEFAULT_CONFIG_PATH, DEFAULT_NODE } from '../../agent/defaults.js';
import { SdmError } from '../../common/errors.js';
import { ask, speaksToAgent, type ClientOptions } from './client.js';
import { print, printJson } from './output.js';

/** An agent that answers does so at once; a silent one must not keep probe from looking itself. */
const ANSWER_MS = 10_000;

const EXIT: Readonly<Record<Brick['verdict'], number>> = { usable: 0, 'in part': 1, not: 2 };

interface ProbeOptions extends ClientOptions {
  readonly direct?: true;
  readonly config?: string;
  readonly sysroot: string;
}

export function probeCommands(program: Command): void {
  speaksToAgent(program.command('probe'))
    .description('what this brick has and what it lacks; exit code 0: usable, 1: in part, 2: not')
    .option('--direct', 'look at the hardware even if an agent answers')
    .option(
      '--config <file>',
      `the agent's configuration (default ${DEFAULT_CONFIG_PATH} if it is there)`,
    )
    .addOption(new Option('--sysroot <dir>').default('/').hideHelp())
    .action(async (options: ProbeOptions) => {
      const brick = await look(options);
      if (options.json) printJson(brick);
      else {
        const { brickTable } = await import('../../agent/probe/table.js');
        print(brickTable(brick));
      }
      process.exitCode = EXIT[brick.verdict];
    });
}

async function look(options: ProbeOptions): Promise<Brick> {
  if (options.direct || options.sysroot !== '/' || options.config !== undefined) {
    return directly(options);
  }
  try {
    return (await ask(options, { path: '/v1/brick', timeoutMs: ANSWER_MS })) as Brick;
  } catch (error) {
    const silent = ['SDM_UNREACHABLE', 'SDM_TIMEOUT'];
    if (!(error instanceof SdmError) || !silent.includes(error.code)) throw error;
    const denied = error.details?.['errno'] === 'EACCES';
    return directly(options, denied ? mayNotAsk(options.socket) : undefined);
  }
}

/** Permission is only refused where there is something: an agent that others may ask. */
function mayNotAsk(socket: string): string {
  return (
    `an agent runs on ${socket}, and you may not ask it (group ${groupOf(socket)}): become root or ` +
    'a member of that group'
  );
}

/** Name of the group of a file, or its number. */
function groupOf(path: string): string {
  try {
    const gid = String(statSync(path).gid);
    const lines = readFileSync('/etc/group', 'utf8').split('\n');
    return lines.find((line) => line.split(':')[2] === gid)?.split(':')[0] ?? gid;
  } catch {
    return 'unknown'; // not to be seen by this user, either
  }
}

async function directly(options: ProbeOptions, refused?: string): Promise<Brick> {
  const { loadConfig } = await import('../../agent/config.js');
  const path =
    options.config ??
    (options.sysroot === '/' && existsSync(DEFAULT_CONFIG_PATH) ? DEFAULT_CONFIG_PATH : undefined);
  const config =
    path === undefined
      ? {
          registers: { backend: 'auto', pci: 'auto' } as const,
          pool: { pci: 'auto' },
          node: DEFAULT_NODE,
        }
      : await loadConfig(path);
  const [{ native }, { probeDirectly }] = await Promise.all([
    import('../../native/index.js'),
    import('../../agent/probe/collect.js'),
  ]);
  return probeDirectly({ root: options.sysroot, native, config, ...(refused && { refused }) });
}
