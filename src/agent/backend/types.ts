import type { MemportRegisters } from '../../abi/codec.js';
import type { RegisterBlockInfo } from '../../native/types.js';
import type { BackendKind } from '../types.js';

export interface NumberedMemport extends MemportRegisters {
  readonly port: number;
}

/** What a memport maps. Bytes; `end` is inclusive. */
export interface MemportFields {
  readonly start: bigint;
  readonly end: bigint;
  readonly remote: bigint;
  readonly outId: bigint;
  readonly inId: bigint;
}

/** The memory of all memory bricks, as this brick reaches it. Sizes in bytes. */
export type Pool =
  | { readonly kind: 'file'; readonly path: string; readonly size: bigint }
  | { readonly kind: 'bar'; readonly pci: string; readonly base: bigint; readonly size: bigint }
  | RemotePool;

/** Nowhere on this machine: the logic translates to it, and all of it is below REMOTE_SIZE. */
export interface RemotePool {
  readonly kind: 'remote';
  readonly size: bigint;
}

/** Links as the block shows them now. */
export interface LinkState {
  /** A bit per transceiver, 1 = up. */
  readonly status: bigint;
  /** How often each transceiver went down. */
  readonly downs: readonly bigint[];
}

/**
 * One way to a brick's memports. Reads and writes take microseconds and are synchronous. A backend
 * does what it is told; who owns a memport is decided above it.
 */
export interface RegisterBackend {
  readonly kind: BackendKind;
  readonly info: RegisterBlockInfo;
  /** The device (a PCI address where it has one) or the path, for people. */
  readonly registers: string;
  readonly pool: Pool | undefined;
  /** All memports as they are now. */
  memports(): MemportRegisters[];
  /** Those that are set; far cheaper than all of them, since nothing is made of the others. */
  setMemports(): NumberedMemport[];
  /** One memport as it is now, without reading the others. */
  memport(port: number): MemportRegisters;
  /**
   * Writes the fields, then SET = 1.
   * @returns the STATUS it ended with; BUSY: the deadline (ms) passed.
   */
  activate(port: number, fields: MemportFields, deadlineMs: number): number;
  /** Writes SET = 0. @returns the STATUS it ended with; BUSY: the deadline (ms) passed. */
  clear(port: number, deadlineMs: number): number;
  /** LINK_STATUS. */
  linkStatus(): bigint;
  links(): LinkState;
  resetLink(transceiver: number): void;
  /** Writes EPOCH, the mirror of the journal's. */
  writeEpoch(epoch: bigint): void;
  /** Writes the fields of a memport that is not set, where they mean nothing, as they were before. */
  restore(port: number, before: MemportRegisters): void;
  /** Unlocks and unmaps. Memports stay as they are. Idempotent. */
  close(): void;
}
