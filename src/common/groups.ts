import { run } from './exec.js';

export interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** A directory on the network that does not answer must not keep an agent from starting for ever. */
const ANSWER_MS = 10_000;

/** Groups in the form of /etc/group. */
export function parseGroups(text: string): Group[] {
  return text.split('\n').flatMap((line) => {
    const [name, , gid, members = ''] = line.split(':');
    if (name === undefined || gid === undefined) return [];
    return [{ name, gid: Number(gid), members: members.split(',').filter((each) => each !== '') }];
  });
}

/** A group by name or number. */
export function findGroup(groups: readonly Group[], wanted: string): Group | undefined {
  return groups.find(({ name, gid }) => name === wanted || String(gid) === wanted);
}

/** Asks all that this machine has groups from, such as LDAP; undefined: none of them knows it. */
export async function lookUpGroup(wanted: string): Promise<Group | undefined> {
  try {
    const { stdout } = await run(['getent', 'group', '--', wanted], { timeoutMs: ANSWER_MS });
    return findGroup(parseGroups(stdout), wanted);
  } catch {
    // It is not there (2), or there is no getent: then /etc/group is all there is.
    return undefined;
  }
}
