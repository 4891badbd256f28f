import { join } from 'node:path';
import { readText } from './sysfs.js';

/** A range of local physical memory, bytes. */
export interface Range {
  readonly start: bigint;
  readonly size: bigint;
}

const ROOT = 'devices/system/memory';

/** Size of the kernel's memory blocks, bytes; undefined where memory cannot be hot-plugged. */
export function readBlockSize(sysfs: string): bigint | undefined {
  const text = readText(join(sysfs, ROOT, 'block_size_bytes'));
  return text === undefined || text === '' ? undefined : BigInt(`0x${text}`);
}

/** Numbers of the blocks that make up a range. Both must be multiples of the block size. */
export function blocksOf(range: Range, blockSize: bigint): number[] {
  const first = Number(range.start / blockSize);
  return Array.from({ length: Number(range.size / blockSize) }, (_, i) => first + i);
}

/** `state`, for writing "offline" or "online_movable" to. */
export function blockStatePath(sysfs: string, block: number): string {
  return join(sysfs, ROOT, `memory${block}`, 'state');
}

/** "online", "offline", "going-offline"; undefined where the kernel has no such block. */
export function blockState(sysfs: string, block: number): string | undefined {
  return readText(blockStatePath(sysfs, block));
}

/**
 * `valid_zones`. Of an online block it is the zone that the block is in, and exactly "Movable" only
 * where it is online in that zone: an offline block lists every zone that it could join.
 */
export function blockZones(sysfs: string, block: number): string | undefined {
  return readText(join(sysfs, ROOT, `memory${block}`, 'valid_zones'));
}
