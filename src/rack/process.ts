import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';

/**
 * Names one process for good: a pid is reused, a pid with the time it was started at (in clock ticks
 * since boot, field 22 of /proc/PID/stat) and the boot it belongs to is not.
 */
export const ProcessIdentity = Type.Object(
  {
    pid: Type.Integer({ minimum: 2 }),
    startTicks: Type.Integer({ minimum: 0 }),
    bootId: Type.String({ minLength: 1 }),
  },
  { additionalProperties: false },
);
export type ProcessIdentity = Static<typeof ProcessIdentity>;

/** Clock ticks a second in /proc: USER_HZ, which is 100 wherever Node runs. */
const USER_HZ = 100;

interface ProcStat {
  readonly state: string;
  readonly threads: number;
  readonly startTicks: number;
}

/**
 * Reads what we need of a /proc/PID/stat line. The command in parentheses may hold spaces and
 * parentheses itself, so fields are counted from the last one.
 */
export function parseStat(line: string): ProcStat | undefined {
  const rest = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const state = rest[0];
  const threads = Number(rest[17]);
  const startTicks = Number(rest[19]);
  if (state === undefined || state === '' || !Number.isSafeInteger(startTicks)) return undefined;
  return { state, threads, startTicks };
}

function statOf(pid: number): ProcStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Identity of a process that runs now; undefined if there is none. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = statOf(pid);
  return stat === undefined ? undefined : { pid, startTicks: stat.startTicks, bootId: bootId() };
}

/**
 * Whether exactly this process still runs. A zombie does not: nobody may be there to reap it. But one
 * with other threads is on its way out only, and they still hold its files, locks and ports.
 */
export function isAlive(identity: ProcessIdentity): boolean {
  const stat = statOf(identity.pid);
  return (
    stat !== undefined &&
    stat.startTicks === identity.startTicks &&
    (stat.state !== 'Z' || stat.threads > 1) &&
    stat.state !== 'X' &&
    identity.bootId === bootId()
  );
}

/** Milliseconds since the process was started. */
export function uptimeMs(identity: ProcessIdentity): number {
  const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  return Math.max(0, uptime * 1000 - (identity.startTicks * 1000) / USER_HZ);
}

/**
 * Signals exactly this process.
 * @returns false if it does not run any more.
 */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    return process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Records an identity in a file, which is small enough to be written in one piece. */
export function writeIdentity(path: string, identity: ProcessIdentity): void {
  writeFileSync(path, `${JSON.stringify(identity)}\n`);
}

/** Reads a recorded identity; undefined if the file is missing, cut short or no identity. */
export function readIdentity(path: string): ProcessIdentity | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return Value.Check(ProcessIdentity, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Finds running processes of this user by their arguments. With a path under a rack's directory in
 * them this finds its QEMUs, also those that a crash kept from being recorded.
 */
export function findProcesses(matches: (argv: readonly string[]) => boolean): ProcessIdentity[] {
  const uid = process.getuid?.();
  const found: ProcessIdentity[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(entry) || Number(entry) === process.pid) continue;
    try {
      const argv = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0');
      if (!matches(argv) || statSync(`/proc/${entry}`).uid !== uid) continue;
    } catch {
      continue; // It ended while we looked.
    }
    const identity = identify(Number(entry));
    if (identity !== undefined && isAlive(identity)) found.push(identity);
  }
  return found;
}
