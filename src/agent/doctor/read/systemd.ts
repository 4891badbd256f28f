import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../../common/exec.js';

export const UNIT = 'sdm-agent.service';
const ANSWER_MS = 10_000;

/** The agent's unit, as systemd has it. */
export interface Unit {
  /** "enabled", "disabled", "static" …; empty where it is not known. */
  readonly enabled: string;
  /** "active", "inactive", "failed", "activating" … */
  readonly active: string;
  readonly type: string;
  /** Microseconds, 0: no watchdog. */
  readonly watchdogUsec: number;
  readonly restarts: number;
  readonly user: string;
  readonly group: string;
  readonly supplementaryGroups: readonly string[];
  /** Names in lower case, such as "cap_sys_admin". */
  readonly boundingCaps: readonly string[];
  readonly ambientCaps: readonly string[];
  /** undefined: no limit. */
  readonly openFiles: number | undefined;
  /** Bytes; undefined: no limit. */
  readonly fileSize: bigint | undefined;
  /** Bytes; undefined: no limit. */
  readonly memoryMax: bigint | undefined;
  readonly stateDirectory: readonly string[];
  readonly runtimeDirectory: readonly string[];
}

/** What systemd says of the agent. `none`: this machine has no systemd. */
export type Systemd =
  | { readonly kind: 'none' }
  | { readonly kind: 'silent'; readonly why: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unit'; readonly unit: Unit };

const PROPERTIES = [
  ...['LoadState', 'UnitFileState', 'ActiveState', 'Type', 'WatchdogUSec', 'NRestarts'],
  ...['User', 'Group', 'SupplementaryGroups', 'CapabilityBoundingSet', 'AmbientCapabilities'],
  ...['LimitNOFILE', 'LimitFSIZE', 'MemoryMax', 'StateDirectory', 'RuntimeDirectory'],
];

/** What `systemctl show` prints of the agent's unit; a test hands in its own. */
export type ShowUnit = () => Promise<string>;

const showUnit: ShowUnit = async () => {
  const properties = PROPERTIES.map((name) => `--property=${name}`);
  const { stdout } = await run(['systemctl', 'show', UNIT, '--no-pager', ...properties], {
    timeoutMs: ANSWER_MS,
  });
  return stdout;
};

export async function readSystemd(root: string, show: ShowUnit = showUnit): Promise<Systemd> {
  if (!existsSync(join(root, 'run/systemd/system'))) return { kind: 'none' };
  let text: string;
  try {
    text = await show();
  } catch (error) {
    return { kind: 'silent', why: (error as Error).message.split('\n')[0] ?? '' };
  }
  const values = new Map(
    text.split('\n').flatMap((line) => {
      const at = line.indexOf('=');
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1).trim()] as const];
    }),
  );
  const get = (name: string): string => values.get(name) ?? '';
  const list = (name: string): string[] => get(name).split(/\s+/).filter(Boolean);
  if (get('LoadState') !== 'loaded') return { kind: 'absent' };
  const fileSize = limit(get('LimitFSIZE'));
  const openFiles = limit(get('LimitNOFILE'));
  const unit: Unit = {
    enabled: get('UnitFileState'),
    active: get('ActiveState'),
    type: get('Type'),
    watchdogUsec: microseconds(get('WatchdogUSec')),
    restarts: Number(get('NRestarts')) || 0,
    user: get('User'),
    group: get('Group'),
    supplementaryGroups: list('SupplementaryGroups'),
    boundingCaps: list('CapabilityBoundingSet').map((name) => name.toLowerCase()),
    ambientCaps: list('AmbientCapabilities').map((name) => name.toLowerCase()),
    openFiles: openFiles === undefined ? undefined : Number(openFiles),
    fileSize,
    memoryMax: limit(get('MemoryMax')),
    stateDirectory: list('StateDirectory'),
    runtimeDirectory: list('RuntimeDirectory'),
  };
  return { kind: 'unit', unit };
}

/** "infinity", or a number; the greatest of 64 bits is how some versions say infinity. */
function limit(text: string): bigint | undefined {
  if (!/^[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text);
  return value === (1n << 64n) - 1n ? undefined : value;
}

const UNITS: Readonly<Record<string, number>> = {
  us: 1,
  ms: 1e3,
  s: 1e6,
  min: 6e7,
  h: 3.6e9,
  d: 8.64e10,
};

/** A time as systemctl prints it: "1min 30s", "500ms", "0", "infinity". */
function microseconds(text: string): number {
  return [...text.matchAll(/([0-9.]+)([a-z]+)/g)].reduce(
    (sum, [, value, unit]) => sum + Number(value) * (UNITS[unit ?? ''] ?? 0),
    0,
  );
}
