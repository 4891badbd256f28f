import { join } from 'node:path';
import { findGroup, lookUpGroup, parseGroups, type Group } from '../../../common/groups.js';
import { readText } from '../../memory/sysfs.js';

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Groups of /etc/group; those that come from elsewhere (LDAP) are not seen. */
export function readGroups(root: string): Group[] {
  return parseGroups(readText(join(root, 'etc/group')) ?? '');
}

/** The same, and the one that the agent is to give its socket to, wherever it comes from. */
export async function groupsWith(root: string, wanted: string | null): Promise<Group[]> {
  const groups = readGroups(root);
  if (wanted === null || findGroup(groups, wanted) !== undefined) return groups;
  const found = root === '/' ? await lookUpGroup(wanted) : undefined;
  if (found !== undefined) return [...groups, found];
  // The agent takes any number.
  const number = { name: wanted, gid: Number(wanted), members: [] };
  return /^[0-9]+$/.test(wanted) ? [...groups, number] : groups;
}

/** Users of /etc/passwd. */
export function readUsers(root: string): User[] {
  const text = readText(join(root, 'etc/passwd')) ?? '';
  const lines = text.split('\n').map((line) => line.split(':'));
  return lines.flatMap(([name, , uid, gid]) =>
    name === undefined || uid === undefined || gid === undefined
      ? []
      : [{ name, uid: Number(uid), gid: Number(gid) }],
  );
}

/** "sdm", or the number where it has no name. */
export function groupName(groups: readonly Group[], gid: number): string {
  return groups.find((group) => group.gid === gid)?.name ?? String(gid);
}
