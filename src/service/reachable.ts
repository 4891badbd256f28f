import { statSync } from 'node:fs';
import { dirname } from 'node:path';

/** What the unit's ProtectHome and PrivateTmp take away. */
const HIDDEN = ['/home', '/root', '/run/user', '/tmp', '/var/tmp'];

/**
 * Why the service could not use a file, as part of a sentence; undefined: it can. The agent runs as a
 * user of its own, in a view of the file system without homes.
 */
export function whyUnreachable(path: string): string | undefined {
  const hidden = HIDDEN.find((dir) => path === dir || path.startsWith(`${dir}/`));
  if (hidden !== undefined) return `lies in ${hidden}, which the service does not see`;
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return 'does not exist';
  if ((found.mode & 0o004) === 0) return 'cannot be read by other users';
  for (let dir = dirname(path); ; dir = dirname(dir)) {
    if ((statSync(dir).mode & 0o001) === 0) return `lies in ${dir}, which is closed to other users`;
    if (dir === '/') return undefined;
  }
}
