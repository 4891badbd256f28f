import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../common/exec.js';
import { GROUP, UNIT, USER, type ServiceFile } from './files.js';
import { textOf } from './plan.js';

const RUN_MS = 20_000;

export type FileState = 'ok' | 'missing' | 'different' | 'yours';

export interface ServiceStatus {
  /** All files are as this version of sdm writes them, and the service runs. */
  readonly ok: boolean;
  readonly files: readonly { readonly path: string; readonly state: FileState }[];
  readonly user: boolean;
  readonly group: boolean;
  /** Of the kernel module: "inserted", "not inserted", and for inserted whether the agent may use it. */
  readonly module: 'open to the agent' | 'closed to the agent' | 'not inserted';
  /** What systemd says; undefined where it does not run. */
  readonly unit?: {
    readonly enabled: string;
    readonly active: string;
    readonly sub: string;
    readonly text: string;
    readonly watchdogMs: number;
    readonly restarts: number;
  };
}

/** Looks at what is in place. @param root "" for this machine; only there systemd is asked. */
export async function serviceStatus(
  files: readonly ServiceFile[],
  root: string,
): Promise<ServiceStatus> {
  const states = files.map(({ path, text, theirs }) => {
    const found = textOf(join(root, path));
    const state: FileState =
      found === undefined ? 'missing' : found === text ? 'ok' : theirs ? 'yours' : 'different';
    return { path, state };
  });
  const unit = root === '' ? await unitState() : undefined;
  const inPlace = states.every(({ state }) => state === 'ok' || state === 'yours');
  return {
    ok: inPlace && (root !== '' || unit?.active === 'active'),
    files: states,
    user: idOf(join(root, '/etc/passwd'), USER) !== undefined,
    group: idOf(join(root, '/etc/group'), GROUP) !== undefined,
    module: moduleState(root),
    ...(unit === undefined ? {} : { unit }),
  };
}

/** Number of a user or group in one of the two files of that form. */
function idOf(file: string, name: string): number | undefined {
  const line = (textOf(file) ?? '').split('\n').find((text) => text.startsWith(`${name}:`));
  return line === undefined ? undefined : Number(line.split(':')[2]);
}

/** What udev is to do once the module is there is to be seen on one of its files. */
function moduleState(root: string): ServiceStatus['module'] {
  const claim = join(root, '/sys/class/misc/sdm-window/claim');
  const owner = statSync(claim, { throwIfNoEntry: false })?.uid;
  if (owner === undefined) return 'not inserted';
  const agent = idOf(join(root, '/etc/passwd'), USER);
  return owner === agent ? 'open to the agent' : 'closed to the agent';
}

async function unitState(): Promise<ServiceStatus['unit']> {
  if (!existsSync('/run/systemd/system')) return undefined;
  const names = ['UnitFileState', 'ActiveState', 'SubState', 'StatusText'];
  const numbers = ['WatchdogUSec', 'NRestarts'];
  const { stdout } = await run(
    ['systemctl', 'show', UNIT, `--property=${[...names, ...numbers].join(',')}`],
    { timeoutMs: RUN_MS },
  );
  const values = new Map(
    stdout.split('\n').map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)] as const;
    }),
  );
  const text = (name: string): string => values.get(name) ?? '';
  return {
    enabled: text('UnitFileState') || 'not installed',
    active: text('ActiveState'),
    sub: text('SubState'),
    text: text('StatusText'),
    watchdogMs: spanMs(text('WatchdogUSec')),
    restarts: Number(text('NRestarts') || 0),
  };
}

const UNITS_MS: Readonly<Record<string, number>> = { h: 3_600_000, min: 60_000, s: 1000, ms: 1 };

/** "1min 30s" → 90000; 0 for what is not set. */
export function spanMs(text: string): number {
  return [...text.matchAll(/([\d.]+)(h|min|ms|s)\b/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (UNITS_MS[unit ?? ''] ?? 0),
    0,
  );
}

/** Major version of the systemd that is installed; undefined where there is none. */
export async function systemdVersion(): Promise<number | undefined> {
  try {
    const { stdout } = await run(['systemctl', '--version'], { timeoutMs: RUN_MS });
    const version = /^systemd (\d+)/.exec(stdout)?.[1];
    return version === undefined ? undefined : Number(version);
  } catch {
    return undefined; // another init
  }
}

/** Name for the example configuration: the machine's own, if it can be a brick's. */
export function brickNameOf(root: string): string {
  const name = (textOf(join(root, '/etc/hostname')) ?? '').trim().split('.')[0] ?? '';
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name) ? name : 'brick';
}
