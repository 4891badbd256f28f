import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { SdmError } from '../common/errors.js';
import { brickProcesses, stopBrick } from './brick.js';
import { rackDaemons, stopControl } from './control/index.js';
import type { RackLayout } from './layout.js';
import { LENDERS } from './plan.js';
import { removeShm } from './pool.js';
import { findProcesses } from './process.js';
import { sshExec } from './ssh.js';

/** Where a brick has its agent's log. */
export const AGENT_LOG = '/var/log/sdm-agent.log';
/** A brick that hangs must not hold up its end for long. */
const AGENT_LOG_TIMEOUT_MS = 10_000;

export interface RemoveOptions {
  /**
   * Keep consoles, QEMU's messages and, of bricks that still answer, the agents' logs in `NAME.logs`
   * beside the rack's directory.
   */
  readonly keepLogs?: boolean;
}

/** Numbers of the bricks of which a directory or a process is there, however it came to be. */
export function brickNumbers(layout: RackLayout): number[] {
  const numbers = new Set<number>();
  const add = (match: RegExpExecArray | null): void => {
    if (match !== null) numbers.add(Number(match[1]));
  };
  if (existsSync(layout.dir)) {
    for (const name of readdirSync(layout.dir)) add(/^brick-([0-9]+)$/.exec(name));
  }
  const prefix = `${layout.dir}/brick-`;
  findProcesses((argv) => {
    for (const argument of argv) {
      if (argument.startsWith(prefix)) add(/^([0-9]+)\//.exec(argument.slice(prefix.length)));
    }
    return false;
  });
  return [...numbers].sort((a, b) => a - b);
}

/** Bricks of which a process runs. */
export function runningBricks(layout: RackLayout): number[] {
  return brickNumbers(layout).filter((n) => brickProcesses(layout.brick(n)).length > 0);
}

/**
 * Stops a rack's bricks and removes all that is of it, whole or half-made. Whoever calls holds the
 * rack's lock. Interrupted, it can be done again: the rack's directory goes last.
 * @returns whether there was anything.
 * @throws SdmError SDM_RACK_QEMU if a process does not end; nothing is removed then.
 */
export async function removeRack(
  layout: RackLayout,
  options: RemoveOptions = {},
): Promise<boolean> {
  const numbers = brickNumbers(layout);
  const had = existsSync(layout.shmDir);
  const ours = numbers.length > 0 || existsSync(layout.dir);
  if (options.keepLogs === true) {
    await Promise.all(runningBricks(layout).map((n) => fetchAgentLog(layout, n)));
  }
  // Daemons first: what ends here must not look like a failure to them.
  await stopControl(layout, LENDERS);
  await Promise.all(numbers.map((n) => stopBrick(layout, layout.brick(n))));
  removeShm(layout);
  const found = ours || (had && !existsSync(layout.shmDir));
  if (layout.socketDir !== undefined) {
    rmSync(layout.socketDir, { recursive: true, force: true });
    removeIfEmpty(layout.socketRoot);
  }
  if (options.keepLogs === true) keepLogs(layout, numbers);
  rmSync(layout.dir, { recursive: true, force: true });
  return found;
}

/** As far as it can be had: a brick that does not answer has none to give. */
async function fetchAgentLog(layout: RackLayout, n: number): Promise<void> {
  if (!existsSync(layout.sshConfig)) return;
  try {
    const { code, stdout } = await sshExec(layout, n, ['cat', AGENT_LOG], {
      timeoutMs: AGENT_LOG_TIMEOUT_MS,
    });
    if (code === 0) writeFileSync(layout.brick(n).agentLog, stdout, { mode: 0o600 });
  } catch (error) {
    if (!(error instanceof SdmError)) throw error;
  }
}

function keepLogs(layout: RackLayout, numbers: readonly number[]): void {
  rmSync(layout.logsDir, { recursive: true, force: true });
  mkdirSync(layout.logsDir, { mode: 0o700 });
  for (const brick of numbers.map((n) => layout.brick(n))) {
    const logs = [brick.consoleLog, brick.qemuLog, brick.agentLog, brick.qemuCmd];
    for (const log of logs.filter((file) => existsSync(file))) {
      cpSync(log, join(layout.logsDir, `brick-${brick.n}-${basename(log)}`));
    }
  }
  for (const { log } of rackDaemons(layout, LENDERS).filter((files) => existsSync(files.log))) {
    cpSync(log, join(layout.logsDir, basename(log)));
  }
}

function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTEMPTY') throw error;
  }
}
