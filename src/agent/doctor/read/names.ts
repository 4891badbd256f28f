import { join } from 'node:path';
import { readText } from '../../memory/sysfs.js';

export interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

function lines(root: string, file: string): string[][] {
  const text = readText(join(root, 'etc', file)) ?? '';
  return text.split('\n').map((line) => line.split(':'));
}

/** Groups of /etc/group; those that come from elsewhere (LDAP) are not seen. */
export function readGroups(root: string): Group[] {
  return lines(root, 'group').flatMap(([name, , gid, members = '']) =>
    name === undefined || gid === undefined
      ? []
      : [{ name, gid: Number(gid), members: members.split(',').filter((member) => member !== '') }],
  );
}

/** Users of /etc/passwd. */
export function readUsers(root: string): User[] {
  return lines(root, 'passwd').flatMap(([name, , uid, gid]) =>
    name === undefined || uid === undefined || gid === undefined
      ? []
      : [{ name, uid: Number(uid), gid: Number(gid) }],
  );
}

/** A group by name or number. */
export function findGroup(groups: readonly Group[], wanted: string): Group | undefined {
  return groups.find(({ name, gid }) => name === wanted || String(gid) === wanted);
}

/** "sdm", or the number where it has no name. */
export function groupName(groups: readonly Group[], gid: number): string {
  return groups.find((group) => group.gid === gid)?.name ?? String(gid);
}
