/**
 * What the addon gives. Addresses, sizes and offsets are in bytes; times are in milliseconds.
 * Every error thrown or rejected here has a stable `.code` from src/common/errors.ts.
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

/** A register block is found by PCI address and resource, or by file. */
export type RegisterSource =
  | { readonly pci: string; readonly resource: number }
  | { readonly path: string };

export interface OpenRegistersOptions {
  /** Base to use where a passive block says 0 (the pool BAR's base). */
  readonly windowBase?: bigint;
  /** Without it the block is mapped read-only and not locked. Default true. */
  readonly writable?: boolean;
}

export interface RegisterBlock {
  readonly info: RegisterBlockInfo;
  /** nports * STAGING_WORDS words on the JavaScript heap; fill it and call program(). */
  readonly staging: BigUint64Array;
  /**
   * Programs the first `count` entries of the staging buffer in order and writes each STATUS back.
   * A refusal of one entry does not stop the next. BUSY in STATUS: the deadline passed.
   * @param deadlineMs for the whole call, default 100.
   * @returns how many entries did not reach the STATUS asked for.
   */
  program(count: number, deadlineMs?: number): number;
  /** Copies the block, one aligned 64-bit load a word, into
   * SNAPSHOT_HEADER_WORDS + nports * SNAPSHOT_PORT_WORDS words. */
  snapshot(into: BigUint64Array): void;
  /** One register by byte offset. */
  read(offset: number): bigint;
  writeEpoch(epoch: bigint): void;
  /** Sets the bit of transceiver `t` in LINK_RESET. */
  resetLink(t: number): void;
  /** Unmaps and unlocks. Idempotent; every other call afterwards throws SDM_CLOSED. */
  close(): void;
}

/** Fields of a passive block; what is left out comes from the profile. */
export interface FormatOptions {
  readonly profile: 'generic' | 'zynq';
  readonly nports?: number;
  readonly windowBase?: bigint;
  readonly windowSize?: bigint;
  readonly remoteSize?: bigint;
  readonly granule?: bigint;
  readonly ntransceivers?: number;
  /** Format even if a valid block is there. Memports that are set make it refuse all the same
   * unless this is true. */
  readonly force?: boolean;
}

export interface MapOptions {
  readonly path: string;
  /** Default 0; a multiple of the page size. */
  readonly offset?: bigint;
  readonly length: bigint;
  readonly writable?: boolean;
}

export interface BulkOptions {
  /** From the start of the mapping; a multiple of 8. Default 0. */
  readonly offset?: bigint;
  /** A multiple of 8. Default: to the end of the mapping. */
  readonly length?: bigint;
  readonly signal?: AbortSignal;
  /** Called on the main thread after chunks, with the bytes done so far. */
  readonly onProgress?: (done: bigint) => void;
}

/** A mapped range. All bulk work runs off the main thread, in chunks. */
export interface MemoryMap {
  readonly length: bigint;
  /** Fills with a 64-bit word. */
  fill(word: bigint, options?: BulkOptions): Promise<void>;
  /** Copies from another mapping (or this one, not overlapping). */
  copyFrom(source: MemoryMap, sourceOffset: bigint, options?: BulkOptions): Promise<void>;
  /** 64-bit checksum; the algorithm is in docs/addon.md. */
  checksum(options?: BulkOptions): Promise<bigint>;
  /** Offset of the first byte that differs, or -1n. */
  compare(other: MemoryMap, otherOffset: bigint, options?: BulkOptions): Promise<bigint>;
  /** Offset of the first word that is not `word`, or -1n. */
  findOther(word: bigint, options?: BulkOptions): Promise<bigint>;
  /** Small synchronous copies, aligned 64-bit accesses; 1 MiB at most a call. */
  read(offset: bigint, into: Uint8Array): void;
  write(offset: bigint, from: Uint8Array): void;
  /** Unmaps when the last running bulk call has ended; new calls throw SDM_CLOSED. */
  close(): void;
}

export interface Native {
  openRegisters(source: RegisterSource, options?: OpenRegistersOptions): RegisterBlock;
  formatRegisters(source: RegisterSource, options: FormatOptions): RegisterBlockInfo;
  mapMemory(options: MapOptions): MemoryMap;
  /**
   * Writes `text` to a file in one write(2) on a thread of its own, which a signal interrupts at the
   * deadline: a write to /sys/devices/system/memory/memoryN/state loops in the kernel until then.
   * Rejects with SDM_TIMEOUT, or with SDM_SYSTEM and `.errno`, `.errnoName` (e.g. 'EBUSY').
   */
  writeWithDeadline(path: string, text: string, timeoutMs: number): Promise<void>;
  /** Sends to $NOTIFY_SOCKET; false where there is none. */
  sdNotify(state: string): boolean;
}
