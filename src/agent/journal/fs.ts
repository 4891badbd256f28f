import type { FileLock } from '../../native/types.js';

/**
 * What the journal needs of a file system; `node-fs.ts` is the real one, and in tests one that loses
 * what was not synced stands in. Errors are Node's, with `code` and `syscall`.
 */
export interface JournalFs {
  /** Makes it (0700), and what is missing above it. It survives a power loss then. */
  makeDirectory(path: string): Promise<void>;
  /** @throws SDM_LOCKED, SDM_SYSTEM, SDM_INPUT: see `Native.lockFile`. */
  lock(path: string): FileLock;
  /** All of a file; undefined if it is not there. */
  read(path: string): Promise<Buffer | undefined>;
  /** For writing. Made (0600) if it is not there. */
  open(path: string): Promise<JournalFile>;
  rename(from: string, to: string): Promise<void>;
  /** Also if it is not there. */
  remove(path: string): Promise<void>;
  /** Makes what was renamed, made and removed in it survive a power loss. */
  syncDirectory(path: string): Promise<void>;
  /** Bytes that a file occupies on disk; 0 if it is not there. */
  allocated(path: string): Promise<number>;
  /** Bytes that can still be written to the file system of `path`; undefined where it counts none. */
  free(path: string): Promise<bigint | undefined>;
}

export interface JournalFile {
  /** Writes all of it. After an error any part of it may be there. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Makes what was written survive a power loss. After an error it may be gone for good, whatever a
   * later call says: the kernel forgets what it could not write. */
  datasync(): Promise<void>;
  close(): Promise<void>;
}

/** Whether the disk, or the share of it that the agent may use, is full. */
export function isFull(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT';
}
