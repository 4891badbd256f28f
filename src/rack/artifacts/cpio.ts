/**
 * An archive in cpio's "newc" form, as Linux unpacks it into its first file system. Written here
 * because that makes every file root's, whoever runs this. Archives may simply be joined.
 */
export type CpioEntry = {
  /** Absolute path in the guest. Directories above it are made, with mode 0755. */
  readonly path: string;
  /** Permissions. Default 0755 for directories, 0644 for files. */
  readonly mode?: number;
} & (
  | { readonly data: string | Uint8Array }
  | { readonly directory: true }
  /** What a symbolic link points to. */
  | { readonly link: string }
  | { readonly characterDevice: { readonly major: number; readonly minor: number } }
);

const TYPE = { directory: 0o040000, character: 0o020000, file: 0o100000, link: 0o120000 };
const HEADER_BYTES = 110;
const EMPTY = new Uint8Array();

/** The archive's bytes. The same entries always give the same bytes: times are zero. */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Uint8Array[] = [];
  const made = new Set(['']);
  let inode = 0;
  const put = (
    path: string,
    mode: number,
    data: Uint8Array = EMPTY,
    device = { major: 0, minor: 0 },
  ): void => {
    const name = Buffer.from(`${path}\0`);
    const fields = [
      path === 'TRAILER!!!' ? 0 : ++inode,
      mode,
      0, // owner
      0, // group
      1, // links
      0, // time
      data.length,
      0, // device that holds the file: major, minor
      0,
      device.major,
      device.minor,
      name.length,
      0, // no checksum in this form
    ];
    const header = '070701' + fields.map((field) => field.toString(16).padStart(8, '0')).join('');
    parts.push(Buffer.from(header), name, padding(HEADER_BYTES + name.length));
    parts.push(data, padding(data.length));
  };
  const putDirectory = (path: string, mode = 0o755): void => {
    made.add(path);
    put(path, TYPE.directory | mode);
  };

  for (const entry of entries) {
    const names = entry.path.split('/').filter(Boolean);
    if (names.length === 0 || names.includes('..') || entry.path.includes('\0')) {
      throw new RangeError(`"${entry.path}" cannot be the path of an archive entry.`);
    }
    for (let depth = 1; depth < names.length; depth++) {
      const parent = names.slice(0, depth).join('/');
      if (!made.has(parent)) putDirectory(parent);
    }
    const path = names.join('/');
    if ('directory' in entry) putDirectory(path, entry.mode);
    else if ('link' in entry) put(path, TYPE.link | 0o777, Buffer.from(entry.link));
    else if ('data' in entry) put(path, TYPE.file | (entry.mode ?? 0o644), Buffer.from(entry.data));
    else put(path, TYPE.character | (entry.mode ?? 0o600), EMPTY, entry.characterDevice);
  }
  put('TRAILER!!!', 0);
  return Buffer.concat(parts);
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}
