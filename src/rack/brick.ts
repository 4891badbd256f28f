import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { sdmCommand } from '../common/called.js';
import { SdmError } from '../common/errors.js';
import { waitFor } from '../common/wait.js';
import type { BrickLayout, RackLayout } from './layout.js';
import {
  findProcesses,
  identify,
  isAlive,
  readIdentity,
  signalProcess,
  writeIdentity,
  type ProcessIdentity,
} from './process.js';
import { Qmp } from './qmp.js';
import { sshDisconnect, sshExec } from './ssh.js';

/** What the guest prints when the agent answers and ssh can come in; a prompt may be before it. */
const READY = /sdm: brick ready\b/;
/** What ends the wait at once: nothing good follows. */
const HOPELESS = /(?:Kernel panic - not syncing|sdm: brick failed).*/;

const QUIT_TIMEOUT_MS = 3000;
const TERM_TIMEOUT_MS = 3000;
const KILL_TIMEOUT_MS = 10_000;
const TAIL_LINES = 20;

/**
 * Starts a brick by its script, in a session of its own, and records the process.
 * @throws SdmError SDM_RACK_QEMU if the script cannot be run, with the kernel's reason.
 */
export async function startBrick(brick: BrickLayout): Promise<ProcessIdentity> {
  // What an earlier start said must not be taken for this one's.
  rmSync(brick.consoleLog, { force: true });
  const log = openSync(brick.qemuLog, 'w', 0o600);
  const child = spawn(brick.qemuCmd, [], {
    cwd: brick.dir,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  // Before anything is awaited, so that a process that ends at once is still there to be named.
  const identity = child.pid === undefined ? undefined : identify(child.pid);
  child.unref();
  if (identity === undefined) {
    const cause = await new Promise<Error>((resolve) => {
      child.once('error', resolve);
      child.once('exit', () => resolve(new Error('it ended at once')));
    });
    const why = (cause as NodeJS.ErrnoException).code ?? cause.message;
    throw new SdmError('SDM_RACK_QEMU', `${brick.qemuCmd} could not be started: ${why}`, {
      details: { script: brick.qemuCmd, log: tailOf(brick.qemuLog) },
      cause,
    });
  }
  child.on('error', () => {}); // Of a signal: nobody sends one through this.
  writeIdentity(brick.pidFile, identity);
  return identity;
}

/**
 * Waits until a brick that was just started is ready: it says so on its console, and ssh gets in.
 * @throws SdmError SDM_RACK_BOOT with the end of the console log; SDM_RACK_QEMU if QEMU ended.
 */
export async function waitReady(
  layout: RackLayout,
  brick: BrickLayout,
  identity: ProcessIdentity,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const began = performance.now();
  try {
    await waitFor(`brick ${brick.n} to say "sdm: brick ready"`, () => look(brick, identity), {
      timeoutMs,
      intervalMs: 100,
      signal,
    });
  } catch (error) {
    if (!(error instanceof SdmError) || error.code !== 'SDM_TIMEOUT') throw error;
    throw bootError(brick, `was not ready within ${timeoutMs / 1000} s`);
  }
  const left = Math.max(10_000, timeoutMs - (performance.now() - began));
  const { code, stderr } = await sshExec(layout, brick.n, ['true'], { timeoutMs: left, signal });
  if (code !== 0)
    throw bootError(brick, `is up, but a command over ssh ended with ${code}: ${stderr}`);
}

function look(brick: BrickLayout, identity: ProcessIdentity): true | undefined {
  const console = readText(brick.consoleLog);
  const hopeless = HOPELESS.exec(console)?.[0].trim();
  if (hopeless !== undefined) throw bootError(brick, `says "${hopeless}"`);
  if (READY.test(console)) return true;
  if (!isAlive(identity)) throw endedError(brick, console);
  return undefined;
}

function endedError(brick: BrickLayout, console: string): SdmError {
  const reason = tailOf(brick.qemuLog);
  if (console.trim() !== '') return bootError(brick, 'ended while it booted');
  return new SdmError(
    'SDM_RACK_QEMU',
    `QEMU of brick ${brick.n} ended at once: ${reason.at(-1) ?? 'no reason given'}; ` +
      `its command line is in ${brick.qemuCmd}`,
    { details: { brick: brick.n, log: reason } },
  );
}

function bootError(brick: BrickLayout, what: string): SdmError {
  return new SdmError('SDM_RACK_BOOT', `brick ${brick.n} ${what}; the end of its console follows`, {
    details: { brick: brick.n, log: tailOf(brick.consoleLog) },
  });
}

/** A log without what only a terminal understands. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r|\x1b\[[0-9;?]*[A-Za-z]/g, '');
  } catch {
    return '';
  }
}

function tailOf(path: string): string[] {
  return readText(path)
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-TAIL_LINES);
}

/**
 * Every process of a brick that runs: the one on record, and any that a crash kept from being
 * recorded, known by the paths on its command line.
 */
export function brickProcesses(brick: BrickLayout): ProcessIdentity[] {
  const recorded = readIdentity(brick.pidFile);
  const found = findProcesses(
    (argv) => argv.includes(brick.qemuPidFile) || argv.includes(brick.qemuCmd),
  );
  if (recorded !== undefined && isAlive(recorded) && !found.some((p) => p.pid === recorded.pid)) {
    found.push(recorded);
  }
  return found;
}

/**
 * Stops a brick: asks QEMU, then SIGTERM, then SIGKILL, each with its deadline. Idempotent.
 * @throws SdmError SDM_RACK_QEMU if the process is still there after all of it.
 */
export async function stopBrick(layout: RackLayout, brick: BrickLayout): Promise<void> {
  const processes = brickProcesses(brick);
  await sshDisconnect(layout, brick.n);
  if (processes.length === 0) return;
  if ((await quit(brick)) && (await gone(processes, QUIT_TIMEOUT_MS))) return;
  for (const process of processes) signalProcess(process, 'SIGTERM');
  if (await gone(processes, TERM_TIMEOUT_MS)) return;
  for (const process of processes) signalProcess(process, 'SIGKILL');
  if (await gone(processes, KILL_TIMEOUT_MS)) return;
  const pids = processes.filter(isAlive).map(({ pid }) => pid);
  throw new SdmError(
    'SDM_RACK_QEMU',
    `process ${pids.join(', ')} of brick ${brick.n} does not end, not even when killed; ` +
      `run "${sdmCommand()} rack down" again when it has`,
    { details: { brick: brick.n, pids } },
  );
}

/** @returns whether QEMU could be asked; where not, a signal is next, whatever the reason. */
async function quit(brick: BrickLayout): Promise<boolean> {
  try {
    const qmp = await Qmp.open(brick.qmpSocket, QUIT_TIMEOUT_MS);
    await qmp.execute('quit', {}, QUIT_TIMEOUT_MS).finally(() => qmp.close());
    return true;
  } catch (error) {
    if (!(error instanceof SdmError)) throw error;
    return false;
  }
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
