import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { sdmCommand } from '../../common/called.js';
import { SdmError } from '../../common/errors.js';
import { foreground } from './foreground.js';
import { brickArgument, nameOption } from './options.js';

const AGENT_LOG = '/var/log/sdm-agent.log';

interface LogsOptions {
  readonly name: string;
  readonly follow?: true;
  readonly agent?: true;
}

export function logsCommand(): Command {
  return new Command('logs')
    .description('show what bricks said on their consoles, or their agents’ logs')
    .argument('[brick]', 'number of the brick, from 1 (default: all)', brickArgument)
    .option('-f, --follow', 'go on as more comes, until Ctrl-C')
    .option('--agent', `the agent’s log (${AGENT_LOG} in the brick)`)
    .addOption(nameOption())
    .action(logs);
}

async function logs(n: number | undefined, options: LogsOptions): Promise<void> {
  const { openRack } = await import('../../rack/index.js');
  const rack = openRack(options.name);
  const follow = options.follow === true ? ['-f'] : [];
  if (options.agent === true) {
    const brick = n ?? onlyBrick((await rack.status()).bricks);
    rack.requireRunning(brick);
    await foreground(rack.sshArgv(brick, ['tail', '-n', '+1', ...follow, AGENT_LOG], ['-T']));
    return;
  }
  const numbers = n === undefined ? (await rack.status()).bricks.map((brick) => brick.n) : [n];
  const files = numbers
    .map((brick) => rack.layout.brick(brick))
    .flatMap(({ consoleLog, qemuLog }) => [consoleLog, qemuLog])
    .filter((file) => existsSync(file));
  if (files.length === 0) {
    throw new SdmError(
      'SDM_NOT_FOUND',
      `no logs of ${n === undefined ? 'any brick' : `brick ${n}`} in ${rack.dir}`,
    );
  }
  await foreground(['tail', '-n', '+1', ...follow, '--', ...files]);
}

function onlyBrick(bricks: readonly { readonly n: number }[]): number {
  const only = bricks.length === 1 ? bricks[0] : undefined;
  if (only !== undefined) return only.n;
  throw new SdmError('SDM_USAGE', `say of which brick: ${sdmCommand()} rack logs --agent 1`);
}
