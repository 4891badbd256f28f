/**
 * What the addon gives. Addresses, sizes and offsets are in bytes; times are in milliseconds.
 *
 * Every error thrown or rejected here has a stable `.code` from src/common/errors.ts. Functions that
 * return a promise never throw: they reject. A value of the wrong type is a TypeError with SDM_INPUT;
 * a `this` or an argument that the addon did not make is a TypeError with SDM_FORGED. Both may come
 * from every function and are not repeated below.
 */

/** What the header of a register block says; read once, at opening. */
export interface RegisterBlockInfo {
  readonly version: number;
  readonly features: bigint;
  /** Number of memports. */
  readonly nports: number;
  /** Local physical base of the window; for a passive block with 0 in it, the base that was given. */
  readonly windowBase: bigint;
  readonly windowSize: bigint;
  /** Remote addresses are below it. */
  readonly remoteSize: bigint;
  /** Alignment of START, END + 1 and remote. */
  readonly granule: bigint;
  readonly ntransceivers: number;
  /** Memory with no logic behind it: this side makes the device's checks. */
  readonly passive: boolean;
}

/** Index of each word of an entry in the staging buffer; an entry has STAGING_WORDS of them. */
export const STAGING = {
  PORT: 0,
  START: 1,
  END: 2,
  OFFSET: 3,
  OUT_ID: 4,
  IN_ID: 5,
  /** 1 activates with the fields of this entry; 0 clears and ignores them. */
  SET: 6,
  /** Written by program(): the STATUS that the port ended with. */
  STATUS: 7,
} as const;
export const STAGING_WORDS = 8;

/** Words of a snapshot: the block's first 0x100 bytes, then 8 words a memport in register order. */
export const SNAPSHOT_HEADER_WORDS = 32;
export const SNAPSHOT_PORT_WORDS = 8;

/**
 * A register block is found by PCI address ("0000:00:02.0", in lower case) and resource (0 to 5), by
 * character device (such as "/dev/uio0") and the bytes that it maps from its offset 0, or by file. A
 * PCI device that is not enabled is enabled first, also for reading.
 */
export type RegisterSource =
  | { readonly pci: string; readonly resource: number }
  | { readonly device: string; readonly size: number }
  | { readonly path: string };

export interface OpenRegistersOptions {
  /** Base to use where a passive block says 0 (the pool BAR's base). */
  readonly windowBase?: bigint;
  /** Without it the block is mapped read-only and not locked. Default true. */
  readonly writable?: boolean;
  /** False: a passive block takes ranges that are no multiples of its granule; all other checks are
   * made, in their order. Blocks with logic make their own. Default true. */
  readonly checkAlignment?: boolean;
}

/** An open block. Unmapped and unlocked by close(), by the garbage collector, or with its thread. */
export interface RegisterBlock {
  readonly info: RegisterBlockInfo;
  /**
   * nports * STAGING_WORDS words; fill it and call program(). It lies over a SharedArrayBuffer, so
   * that it cannot be detached under the addon, and stays valid after close().
   */
  readonly staging: BigUint64Array;
  /**
   * Programs the first `count` entries of the staging buffer in order and writes each STATUS back.
   * A refusal of one entry does not stop the next. BUSY in STATUS: the deadline passed.
   * Blocks the thread until then. It belongs to its block, whatever `this` is.
   * @param count 0 to nports.
   * @param deadlineMs for the whole call, 0 to 60000, default 100.
   * @returns how many entries did not reach the STATUS asked for.
   * @throws SDM_INPUT for an entry that names no memport or whose SET is neither 0 nor 1 (nothing was
   *   programmed), SDM_READ_ONLY, SDM_CLOSED.
   */
  program(count: number, deadlineMs?: number): number;
  /**
   * Copies the block, one aligned 64-bit load a word, into
   * SNAPSHOT_HEADER_WORDS + nports * SNAPSHOT_PORT_WORDS words.
   * @throws SDM_RANGE if there is less room, SDM_CLOSED.
   */
  snapshot(into: BigUint64Array): void;
  /**
   * One register by byte offset.
   * @throws SDM_ALIGNMENT if it is no multiple of 8, SDM_RANGE outside of the block, SDM_CLOSED.
   */
  read(offset: number): bigint;
  /** @throws SDM_READ_ONLY, SDM_CLOSED. */
  writeEpoch(epoch: bigint): void;
  /**
   * Sets the bit of transceiver `t` in LINK_RESET. Who it is that clears it: docs/memport-abi.md.
   * @throws SDM_INPUT if there is no such transceiver, SDM_READ_ONLY, SDM_CLOSED.
   */
  resetLink(t: number): void;
  /** Unmaps and unlocks. Idempotent; every other call afterwards throws SDM_CLOSED. */
  close(): void;
}

/** Fields of a passive block; what is left out comes from the profile. */
export interface FormatOptions {
  readonly profile: 'generic' | 'zynq';
  /** 1 to 512. */
  readonly nports?: number;
  readonly windowBase?: bigint;
  /** Profile generic has no default: it is the size of the pool. */
  readonly windowSize?: bigint;
  /** Default for profile generic: windowSize. */
  readonly remoteSize?: bigint;
  /** A power of two. */
  readonly granule?: bigint;
  /** 0 to 16. */
  readonly ntransceivers?: number;
  /** Format even if a valid block is there. Memports that are set make it refuse all the same
   * unless this is true. */
  readonly force?: boolean;
}

export interface MapOptions {
  readonly path: string;
  /** Default 0; a multiple of the page size. */
  readonly offset?: bigint;
  /** A multiple of 8, at least 8. */
  readonly length: bigint;
  /** Default false: a write is then refused with SDM_READ_ONLY. */
  readonly writable?: boolean;
}

export interface BulkOptions {
  /** From the start of the mapping; a multiple of 8. Default 0. */
  readonly offset?: bigint;
  /** A multiple of 8. Default: to the end of the mapping. */
  readonly length?: bigint;
  /** Rejects with SDM_ABORTED, whose `cause` is the signal's reason, after the chunk at hand. */
  readonly signal?: AbortSignal;
  /**
   * Called on the calling thread after chunks, with the bytes done so far; last of all with the
   * bytes done in total. What it throws ends the call and becomes its rejection.
   */
  readonly onProgress?: (done: bigint) => void;
}

/**
 * A mapped range. All bulk work runs in chunks on a thread of its own for each call.
 *
 * Bulk calls reject with SDM_ALIGNMENT (offset or length is no multiple of 8), SDM_RANGE (they leave
 * a mapping), SDM_READ_ONLY, SDM_CLOSED, SDM_ABORTED, or SDM_SYSTEM (no thread). A file that is
 * truncated while it is mapped ends the process with SIGBUS: never shrink a pool.
 */
export interface MemoryMap {
  readonly length: bigint;
  /** Fills with a 64-bit word. */
  fill(word: bigint, options?: BulkOptions): Promise<void>;
  /** Copies from another mapping (or this one, not overlapping: SDM_INPUT). `options.offset` is
   * where to, in this mapping. */
  copyFrom(source: MemoryMap, sourceOffset: bigint, options?: BulkOptions): Promise<void>;
  /** 64-bit checksum; the algorithm is in docs/addon.md. */
  checksum(options?: BulkOptions): Promise<bigint>;
  /** Offset, in this mapping, of the first byte that differs, or -1n. */
  compare(other: MemoryMap, otherOffset: bigint, options?: BulkOptions): Promise<bigint>;
  /** Offset, in this mapping, of the first word that is not `word`, or -1n. */
  findOther(word: bigint, options?: BulkOptions): Promise<bigint>;
  /**
   * Small synchronous copies, aligned 64-bit accesses; 1 MiB at most a call.
   * @throws SDM_ALIGNMENT if offset or length of the array is no multiple of 8, SDM_RANGE, SDM_CLOSED;
   *   write() also SDM_READ_ONLY.
   */
  read(offset: bigint, into: Uint8Array): void;
  write(offset: bigint, from: Uint8Array): void;
  /** Unmaps when the last running bulk call has ended; new calls throw SDM_CLOSED. */
  close(): void;
}

/** A lock that is held. Freed by close(), by the garbage collector, or with its thread or process. */
export interface FileLock {
  /** Idempotent. The file stays, for the next one to lock. */
  close(): void;
}

/** What a scrub found when it was done; offsets in the file, -1n for none. */
export interface RangeScrubbed {
  /** Its pages went back to the file system; false: that has no holes, and zeroes were written. */
  readonly punched: boolean;
  /** The first byte of which the file system says that it is data (SEEK_DATA). */
  readonly dataAt: bigint;
  /** The first byte that did not read as zero. Bytes behind it were not looked at. */
  readonly otherAt: bigint;
}

export interface RangeOptions {
  /** In the file; whole pages of the range. */
  readonly offset: bigint;
  readonly length: bigint;
  /** Rejects with SDM_ABORTED, whose `cause` is the signal's reason, after the step at hand. */
  readonly signal?: AbortSignal;
}

/**
 * A part of a file or device, locked against others that open any byte of it so. Its calls run on
 * threads of their own; they reject with SDM_RANGE, SDM_ALIGNMENT, SDM_INPUT (a device), SDM_CLOSED,
 * SDM_ABORTED, SDM_SYSTEM.
 */
export interface FileRange {
  /** Of a regular file; what is none is to be mapped. */
  readonly regular: boolean;
  /** Gives the pages back to the file system, asks that for data, and reads all bytes. */
  scrub(options: RangeOptions): Promise<RangeScrubbed>;
  /** Bytes that the file system has pages for. */
  allocated(options: RangeOptions): Promise<bigint>;
  /** Unlocks when the last call that runs has ended; new calls reject with SDM_CLOSED. */
  close(): void;
}

export interface Native {
  /**
   * @throws SDM_NOT_FOUND (no such file, device or resource), SDM_DEVICE_BUSY (a driver holds the
   *   device), SDM_BLOCK_SIZE, SDM_BLOCK_UNFORMATTED, SDM_BLOCK_FOREIGN, SDM_BLOCK_VERSION,
   *   SDM_BLOCK_INVALID, SDM_BLOCK_LOCKED (another opening for writing, here or elsewhere),
   *   SDM_SYSTEM.
   */
  openRegisters(source: RegisterSource, options?: OpenRegistersOptions): RegisterBlock;
  /**
   * Formats a passive block, under its lock: ID is taken away first and written last.
   * @throws SDM_INPUT for fields that cannot be, SDM_BLOCK_SIZE if the memports do not fit,
   *   SDM_BLOCK_FORMATTED if a valid block is there or one with logic behind it, SDM_BLOCK_FOREIGN if
   *   something else is there, SDM_BLOCK_LOCKED, SDM_NOT_FOUND, SDM_DEVICE_BUSY, SDM_SYSTEM.
   */
  formatRegisters(source: RegisterSource, options: FormatOptions): RegisterBlockInfo;
  /**
   * Maps a part of a regular file, a PCI resource or a character device. Whoever maps a PCI resource
   * enables its device first.
   * @throws SDM_ALIGNMENT, SDM_RANGE (past the end of the file), SDM_NOT_FOUND, SDM_INPUT (nothing
   *   that can be mapped), SDM_SYSTEM.
   */
  mapMemory(options: MapOptions): MemoryMap;
  /**
   * Writes `text` to a file in one write(2) on a thread of its own, which a signal interrupts at the
   * deadline: a write to /sys/devices/system/memory/memoryN/state loops in the kernel until then.
   * The file is neither made nor truncated.
   * Rejects with SDM_TIMEOUT, or with SDM_SYSTEM and `.errno` (positive), `.errnoName` (e.g. 'EBUSY')
   * and `.syscall`, or with SDM_STUCK if the kernel ignores the signals for two seconds: what it is
   * doing may still be done, but no write begins after the deadline.
   * @param timeoutMs 1 to 2^31 - 1.
   */
  writeWithDeadline(path: string, text: string, timeoutMs: number): Promise<void>;
  /**
   * Takes the lock of a file without waiting. The file is made (0600) if it is not there, and holds
   * the number of the process that locked it last; links are not followed.
   * @param options.existing locks a file that is something else as well (a register block, an
   *   attribute in sysfs): it must be there, is opened for reading only, and stays as it is.
   * @throws SDM_LOCKED, whose message names path and holder; SDM_INPUT if something else than a lock
   *   file is there; with `existing` SDM_NOT_FOUND; SDM_SYSTEM.
   */
  lockFile(path: string, options?: { readonly existing?: boolean }): FileLock;
  /**
   * Opens a part of a regular file or device for reading and writing, and takes the lock of its bytes
   * without waiting (an open file description's: the same process is refused, too).
   * @throws SDM_NOT_FOUND, SDM_INPUT, SDM_RANGE (past the end of the file), SDM_ALIGNMENT (no whole
   *   pages), SDM_LOCKED, SDM_SYSTEM.
   */
  openRange(path: string, part: { readonly offset: bigint; readonly length: bigint }): FileRange;
  /**
   * Sends to $NOTIFY_SOCKET, a path or '@' and an abstract name, without waiting; false where there
   * is none.
   * @throws SDM_INPUT for an empty state or an address that cannot be, SDM_SYSTEM.
   */
  sdNotify(state: string): boolean;
}
