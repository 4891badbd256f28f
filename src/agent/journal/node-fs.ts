import { constants, fdatasync, write } from 'node:fs';
import { mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { native } from '../../native/index.js';
import type { JournalFile, JournalFs } from './fs.js';
import { readLogFile } from './read-file.js';

const { O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR } = constants;
/** Of a block in `st_blocks`, whatever the file system's own is. */
const STAT_BLOCK = 512;

/** The real file system. All calls but `lock` are made on libuv's threads. */
export const nodeFs: JournalFs = {
  async makeDirectory(path) {
    const first = await mkdir(path, { recursive: true, mode: 0o700 });
    // A directory is only there after a power loss if the one above it was synced.
    for (let made = path; made.length >= (first ?? path).length; made = dirname(made)) {
      await syncDirectory(dirname(made)).catch((error: NodeJS.ErrnoException) => {
        // Not ours to open, so not ours to have made.
        if (error.code !== 'EACCES' || first !== undefined) throw error;
      });
    }
  },
  lock: (path) => native.lockFile(path),
  read: readLogFile,
  open: openFile,
  rename,
  remove: (path) => rm(path, { force: true }),
  syncDirectory,
  async allocated(path) {
    const { blocks } = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return { blocks: 0 };
      throw error;
    });
    return blocks * STAT_BLOCK;
  },
  async free(path) {
    const { blocks, bavail, bsize } = await statfs(path, { bigint: true });
    // ramfs, which many start from, has no size.
    return blocks === 0n ? undefined : bavail * bsize;
  },
};

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, O_RDONLY | O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function openFile(path: string): Promise<JournalFile> {
  const handle = await open(path, O_RDWR | O_CREAT, 0o600);
  // These two are on the way of every command: with callbacks they take half the time.
  return {
    async write(bytes, position) {
      for (let done = 0; done < bytes.length;) {
        // Less than all is no error yet: a full disk says so at the next attempt.
        done += await writeSome(handle.fd, bytes, done, position + done);
      }
    },
    datasync: () =>
      new Promise((resolve, reject) => {
        fdatasync(handle.fd, (error) => (error === null ? resolve() : reject(error)));
      }),
    truncate: (length) => handle.truncate(length),
    close: () => handle.close(),
  };
}

/** @returns how many bytes were written. */
function writeSome(
  fd: number,
  bytes: Uint8Array,
  offset: number,
  position: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, offset, bytes.length - offset, position, (error, written) =>
      error === null ? resolve(written) : reject(error),
    );
  });
}
