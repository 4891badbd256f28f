import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { SdmError } from '../../common/errors.js';

/** The names in a state directory. */
export const FILES = {
  LOG: 'journal',
  /** A checkpoint that is being written; of no value before it has the log's name. */
  NEW: 'journal.new',
  RESERVE: 'journal.reserve',
  LOCK: 'lock',
} as const;

/**
 * All of a log, read without a lock; undefined if it is not there.
 * @throws SDM_JOURNAL if it is no regular file; Node's errors.
 */
export async function readLogFile(path: string): Promise<Buffer | undefined> {
  // O_NONBLOCK: opening a FIFO would wait for somebody to write to it.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return undefined;
  try {
    const status = await handle.stat();
    if (!status.isFile()) {
      const what = status.isDirectory() ? 'a directory' : 'no regular file';
      throw new SdmError(
        'SDM_JOURNAL',
        `${path} is ${what}: move it away, or name another stateDir`,
      );
    }
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
