import { hasFeature } from '../../abi/codec.js';
import type { Native } from '../../native/types.js';
import type { RegisterBackend } from '../backend/types.js';
import type { Faults } from '../faults.js';
import { localWindow } from '../backend/window.js';
import type { MemoryConfig, MemoryView, Share } from '../types.js';
import type { Range } from './blocks.js';
import { KernelMemory } from './kernel.js';
import { PlainMemory } from './none.js';
import { possibleNodes, readNodes } from './nodes.js';
import { readPolicy, type PolicyNote } from './policy.js';
import type { MemoryPath } from './types.js';

export { blocksOf } from './blocks.js';
export type { MappedRange, MemoryPath, RangeUse } from './types.js';

/** The way that fits the backend: a brick whose registers are a file has no kernel of its own. */
export function createMemory(
  native: Native,
  backend: RegisterBackend,
  sysfs: string,
  note: PolicyNote,
  faults: Faults,
  config?: MemoryConfig,
): MemoryPath {
  return backend.kind === 'file'
    ? new PlainMemory(native, backend.pool)
    : new KernelMemory({ native, sysfs, window: windowOf(backend), note, faults, config });
}

function windowOf({ info, pool }: RegisterBackend): Range | undefined {
  if (pool === undefined || pool.kind === 'file') return undefined;
  const translation = hasFeature(info.features, 'translation');
  const bar = pool.kind === 'bar' ? { start: pool.base, size: pool.size } : undefined;
  return localWindow({ ...info, translation }, bar);
}

/**
 * What the kernel has, in one view.
 * @param inUse ranges of the pool that are in use, bytes; `end` is exclusive.
 */
export function describeMemory(
  sysfs: string,
  memory: MemoryPath,
  shares: readonly Share[],
  inUse: readonly { readonly start: bigint; readonly end: bigint }[],
  attachedBytes: bigint,
): MemoryView {
  const autoOnline = readPolicy(sysfs);
  return {
    ...(memory.blockSize === undefined ? {} : { blockSize: memory.blockSize }),
    ...(autoOnline === undefined ? {} : { autoOnline }),
    possibleNodes: possibleNodes(sysfs),
    nodes: readNodes(sysfs),
    module: memory.view(),
    attachedBytes,
    shares: shares.map((share) => ({ ...share, usedBytes: usedBytes(share, inUse) })),
  };
}

/** Bytes of a share that lie in at least one of the ranges. */
export function usedBytes(
  share: Range,
  inUse: readonly { readonly start: bigint; readonly end: bigint }[],
): bigint {
  let used = 0n;
  let from = share.start;
  const last = share.start + share.size;
  for (const range of [...inUse].sort((a, b) => (a.start < b.start ? -1 : 1))) {
    const start = range.start > from ? range.start : from;
    const end = range.end < last ? range.end : last;
    if (end <= start) continue;
    used += end - start;
    from = end;
  }
  return used;
}
