import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readText } from '../../memory/sysfs.js';

export interface Mount {
  readonly at: string;
  /** Such as "ext4" or "tmpfs". */
  readonly type: string;
  readonly readOnly: boolean;
}

/** All that is mounted, in the order in which it was; empty where /proc is not to be read. */
export function readMounts(root: string): Mount[] {
  const lines = (readText(join(root, 'proc/self/mountinfo')) ?? '').split('\n');
  return lines.flatMap((line) => {
    // 36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw
    const [left = '', right = ''] = line.split(' - ');
    const [, , , , at, options = ''] = left.split(' ');
    const [type, , superOptions = ''] = right.split(' ');
    if (at === undefined || type === undefined || type === '') return [];
    const readOnly = [options, superOptions].some((list) => list.split(',').includes('ro'));
    return [{ at: unescape(at), type, readOnly }];
  });
}

/** The mount that a path lies in, itself or what of it is there; undefined: none is known. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  const real = resolved(path);
  let found: Mount | undefined;
  for (const mount of mounts) {
    const inside = mount.at === '/' || real === mount.at || real.startsWith(`${mount.at}/`);
    // A later one of the same place covers the earlier.
    if (inside && mount.at.length >= (found?.at.length ?? 0)) found = mount;
  }
  return found;
}

function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path === '/' ? path : resolved(dirname(path));
  }
}

/** A space is "\040" there. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
