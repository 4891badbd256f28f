import type { AttachmentMode, DeviceRange, ModuleView } from '../types.js';
import type { Span } from '../attachments/spans.js';
import type { Range } from './blocks.js';

/** A range of an attachment: local, and where its bytes lie in the pool. */
export interface MappedRange extends Range {
  readonly remote: bigint;
}

/** What is using a range right now; `exposed`: no program maps it, and any may at any time. */
export type RangeUse = 'ram' | 'mapped' | 'exposed' | 'none';

/**
 * What happens to a range between the memport and the programs that use it. Every call is
 * idempotent: called again after it succeeded, or after a crash within, it ends in the same place.
 * Ranges are exact: one that was claimed is named again with the same start and size.
 */
export interface MemoryPath {
  readonly kind: 'sdmc_mem' | 'none';
  /** Start and size of a `system-ram` range are multiples of it, bytes; undefined: no such mode. */
  readonly blockSize: bigint | undefined;
  /** Of the kernel's pages, bytes, which blocks go by; undefined where it is not known. */
  readonly pageSize?: number | undefined;
  /**
   * Makes ready for attachments of a mode, or says why that cannot be.
   * @throws SDM_MODE, SDM_NO_POOL, SDM_NO_MODULE, SDM_WRONG_MODULE, SDM_WINDOW, SDM_INPUT (node).
   */
  prepare(mode: AttachmentMode, node: number): Promise<void>;
  /** Ranges that the kernel's side holds, whoever asked for them. */
  held(): Range[];
  use(range: Range): RangeUse;
  claim(range: MappedRange): Promise<void>;
  release(range: MappedRange): Promise<void>;
  /** Makes the range memory of a node, every block offline. @throws SDM_KERNEL_REFUSED. */
  add(range: MappedRange, node: number): Promise<void>;
  /** Takes the range out of the kernel's memory; every block must be offline. */
  remove(range: MappedRange): Promise<void>;
  /** Every block online, in the movable zone. @throws SDM_KERNEL_REFUSED, naming the block. */
  online(range: MappedRange): Promise<void>;
  /**
   * Every block offline.
   * @param timeoutMs for all blocks together.
   * @throws SDM_OFFLINE_REFUSED with block, errno and reason; some blocks may be offline then.
   */
  offline(range: MappedRange, timeoutMs: number): Promise<void>;
  /** Lets programs map the range. */
  expose(range: MappedRange): Promise<DeviceRange>;
  /** @throws SDM_DEVICE_MAPPED while a program maps it. */
  conceal(range: MappedRange): Promise<void>;
  /**
   * Zeroes the range and reads it back.
   * @param keep remote ranges that others use: their bytes are left as they are. Where only whole
   * ranges can be scrubbed, one that overlaps them is left to the last of its users.
   * @throws SDM_SCRUB.
   */
  scrub(range: MappedRange, keep: readonly Span[]): Promise<void>;
  /** Writes caches back and drops them. */
  flush(range: MappedRange): Promise<void>;
  view(): ModuleView;
}
