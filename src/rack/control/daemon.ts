import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SdmError } from '../../common/errors.js';
import { waitFor } from '../../common/wait.js';
import {
  findProcesses,
  identify,
  isAlive,
  readIdentity,
  signalProcess,
  writeIdentity,
  type ProcessIdentity,
} from '../process.js';

/** A daemon of a rack on this host: it goes on when the command that started it has ended. */
export interface DaemonFiles {
  /** "controller", "dbmc", "lender-1". */
  readonly name: string;
  /** Its configuration; also what tells its process from any other. */
  readonly config: string;
  readonly log: string;
  /** What it says on its standard output: the ready line. */
  readonly output: string;
  readonly pidFile: string;
}

const READY_MS = 60_000;
const TERM_MS = 10_000;
const KILL_MS = 10_000;
const TAIL_LINES = 20;

/** All files of a daemon, beside each other in the rack's directory for daemons. */
export function daemonFiles(dir: string, name: string): DaemonFiles {
  const at = (end: string): string => join(dir, `${name}${end}`);
  return {
    name,
    config: at('.json'),
    log: at('.log'),
    output: at('.out'),
    pidFile: at('.pid'),
  };
}

/** Daemons of which a configuration is in `dir`; all of them by a process that is left. */
export function daemonsIn(dir: string, names: readonly string[]): DaemonFiles[] {
  return names.map((name) => daemonFiles(dir, name));
}

/**
 * Starts a daemon in a session of its own and waits until it is ready.
 * @returns what its ready line says.
 * @throws SdmError SDM_RACK_DAEMON if it ends or says nothing; details.log has the end of its log.
 */
export async function startRackDaemon(
  files: DaemonFiles,
  argv: readonly [string, ...string[]],
  signal?: AbortSignal,
): Promise<Record<string, unknown>> {
  rmSync(files.output, { force: true });
  const [output, log] = [openSync(files.output, 'w', 0o600), openSync(files.log, 'a', 0o600)];
  const [command, ...args] = argv;
  const child = spawn(command, args, {
    cwd: dirname(files.config),
    detached: true,
    stdio: ['ignore', output, log],
  });
  closeSync(output);
  closeSync(log);
  const identity = child.pid === undefined ? undefined : identify(child.pid);
  child.on('error', () => {}); // seen by its absence
  child.unref();
  if (identity === undefined) throw failed(files, `could not be started: ${command}`);
  writeIdentity(files.pidFile, identity);
  try {
    return await waitFor(
      `${files.name} to be ready`,
      () => {
        const ready = readyLine(files.output);
        if (ready !== undefined) return ready;
        if (!isAlive(identity)) throw failed(files, 'ended before it was ready');
        return undefined;
      },
      { timeoutMs: READY_MS, intervalMs: 20, signal },
    );
  } catch (error) {
    if (!(error instanceof SdmError) || error.code !== 'SDM_TIMEOUT') throw error;
    throw failed(files, `was not ready within ${READY_MS / 1000} s`);
  }
}

/** Its process, if it runs: the one on record, or one that a crash kept from being recorded. */
export function daemonProcesses(files: DaemonFiles): ProcessIdentity[] {
  const found = findProcesses((argv) => argv.includes(files.config));
  const recorded = readIdentity(files.pidFile);
  if (
    recorded !== undefined &&
    isAlive(recorded) &&
    !found.some(({ pid }) => pid === recorded.pid)
  ) {
    found.push(recorded);
  }
  return found;
}

/** Ends daemons, all at once. Idempotent. @throws SDM_RACK_DAEMON where one is there after SIGKILL. */
export async function stopRackDaemons(daemons: readonly DaemonFiles[]): Promise<void> {
  await Promise.all(
    daemons.map(async (files) => {
      const processes = daemonProcesses(files);
      for (const [by, timeoutMs] of [
        ['SIGTERM', TERM_MS],
        ['SIGKILL', KILL_MS],
      ] as const) {
        if (!processes.some(isAlive)) return;
        for (const process of processes) signalProcess(process, by);
        if (await gone(processes, timeoutMs)) return;
      }
      throw failed(files, 'does not end, not even when killed');
    }),
  );
}

async function gone(processes: readonly ProcessIdentity[], timeoutMs: number): Promise<boolean> {
  const look = (): true | undefined => (processes.some(isAlive) ? undefined : true);
  return waitFor('processes to end', look, { timeoutMs, intervalMs: 20 }).catch(
    (error: unknown) => {
      if (error instanceof SdmError && error.code === 'SDM_TIMEOUT') return false;
      throw error;
    },
  );
}

function readyLine(path: string): Record<string, unknown> | undefined {
  const lines = readText(path).split('\n');
  // the last one has no end yet
  const line = lines.slice(0, -1).find((each) => each.includes('"event":"ready"'));
  return line === undefined ? undefined : (JSON.parse(line) as Record<string, unknown>);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function failed(files: DaemonFiles, why: string): SdmError {
  const log = readText(files.log).trimEnd().split('\n').slice(-TAIL_LINES);
  return new SdmError(
    'SDM_RACK_DAEMON',
    `${files.name} ${why}; its log is ${basename(files.log)}`,
    {
      details: { daemon: files.name, log },
    },
  );
}
