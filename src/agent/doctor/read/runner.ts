import { statSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { readText } from '../../memory/sysfs.js';
import { findGroup, type Group } from '../../../common/groups.js';
import { readGroups, readUsers } from './names.js';
import type { Unit } from './systemd.js';

/** Whoever runs the agent: the user of its unit where there is one, else who asks. */
export interface Runner {
  readonly name: string;
  readonly uid: number;
  readonly gids: readonly number[];
  /** May pass by the modes of files: CAP_DAC_OVERRIDE. */
  readonly overrides: boolean;
  /** May enable PCI devices: CAP_SYS_ADMIN. */
  readonly admin: boolean;
  readonly from: 'service' | 'you';
}

const CAP_DAC_OVERRIDE = 1n << 1n;
const CAP_SYS_ADMIN = 1n << 21n;

export function readRunner(root: string, unit: Unit | undefined): Runner {
  return unit === undefined ? you(root) : ofUnit(root, unit);
}

function you(root: string): Runner {
  const status = readText(join(root, 'proc/self/status')) ?? '';
  const field = (name: string): string =>
    new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1]?.trim() ?? '';
  const numbers = (name: string): number[] => field(name).split(/\s+/).filter(Boolean).map(Number);
  // Real, effective, saved, of the file system: the last is what files are opened by.
  const uid = numbers('Uid')[3] ?? process.getuid?.() ?? 0;
  const gid = numbers('Gid')[3] ?? process.getgid?.() ?? 0;
  const caps = BigInt(`0x${/^[0-9a-f]+$/.exec(field('CapEff'))?.[0] ?? '0'}`);
  const user = readUsers(root).find((known) => known.uid === uid);
  return {
    name: user?.name ?? String(uid),
    uid,
    gids: [gid, ...numbers('Groups')],
    overrides: (caps & CAP_DAC_OVERRIDE) !== 0n,
    admin: (caps & CAP_SYS_ADMIN) !== 0n,
    from: 'you',
  };
}

function ofUnit(root: string, unit: Unit): Runner {
  const groups = readGroups(root);
  const name = unit.user === '' ? 'root' : unit.user;
  const users = readUsers(root);
  const user = users.find((known) => known.name === name || String(known.uid) === name);
  const uid = user?.uid ?? (name === 'root' ? 0 : -1);
  const own = unit.group === '' ? user?.gid : findGroup(groups, unit.group)?.gid;
  const more = unit.supplementaryGroups.map((group) => findGroup(groups, group)?.gid);
  const member = groups.filter(({ members }) => members.includes(name)).map(({ gid }) => gid);
  const caps = uid === 0 ? unit.boundingCaps : unit.ambientCaps;
  return {
    name,
    uid,
    gids: [own, ...more, ...member].filter((gid) => gid !== undefined),
    overrides: caps.includes('cap_dac_override'),
    admin: caps.includes('cap_sys_admin'),
    from: 'service',
  };
}

const BITS = { read: 4, write: 2, search: 1 } as const;
export type Want = keyof typeof BITS;

/** Whether a file's mode lets someone at it. Access lists and read-only mounts are not looked at. */
export function mayAccess(
  { uid, gid, mode }: Pick<Stats, 'uid' | 'gid' | 'mode'>,
  runner: Runner,
  wants: readonly Want[],
): boolean {
  if (runner.overrides) return true;
  const shift = uid === runner.uid ? 6 : runner.gids.includes(gid) ? 3 : 0;
  return wants.every((want) => ((mode >> shift) & BITS[want]) !== 0);
}

/** A file's owner and mode for people: "root:sdm 0640". */
export function ownership(path: string, groups: readonly Group[], root: string): string {
  const { uid, gid, mode } = statSync(path);
  const user = readUsers(root).find((known) => known.uid === uid)?.name ?? String(uid);
  const group = groups.find((known) => known.gid === gid)?.name ?? String(gid);
  return `${user}:${group} ${(mode & 0o7777).toString(8).padStart(4, '0')}`;
}

/** A path, or of one that is not there yet the nearest directory above it that is. */
export function existing(path: string): { readonly path: string; readonly stats: Stats } {
  for (let at = path; ; at = dirname(at)) {
    try {
      return { path: at, stats: statSync(at) };
    } catch (error) {
      if (at === dirname(at)) throw error;
    }
  }
}

/** The first directory on the way to a path that someone may not search; undefined: none. */
export function barredAt(path: string, runner: Runner): string | undefined {
  const parent = dirname(path);
  if (parent === path) return undefined;
  const above = barredAt(parent, runner);
  if (above !== undefined) return above;
  try {
    return mayAccess(statSync(parent), runner, ['search']) ? undefined : parent;
  } catch {
    return undefined; // it is not there: not what bars the way
  }
}
