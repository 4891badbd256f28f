import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where the kernel says which control group we are in, and what its limits are. */
export interface CgroupFiles {
  readonly self: string;
  readonly root: string;
}

const FILES: CgroupFiles = { self: '/proc/self/cgroup', root: '/sys/fs/cgroup' };

/**
 * What this process's control group (v2) and those above it still allow, in bytes of memory and
 * swap; a container is one. Files in the page cache count as free: the kernel drops them first.
 * @param swapFree of the machine, bytes.
 * @returns undefined where nothing limits it.
 */
export function cgroupAvailable(swapFree: bigint, files = FILES): bigint | undefined {
  const path = /^0::(\/.*)$/m.exec(read(files.self) ?? '')?.[1];
  if (path === undefined) return undefined;
  let least: bigint | undefined;
  for (let group = path; ; group = dirname(group)) {
    const left = availableIn(join(files.root, group), swapFree);
    if (left !== undefined && (least === undefined || left < least)) least = left;
    if (group === '/') return least;
  }
}

function availableIn(dir: string, swapFree: bigint): bigint | undefined {
  const number = (name: string): bigint | undefined => {
    const text = read(join(dir, name))?.trim() ?? '';
    return /^[0-9]+$/.test(text) ? BigInt(text) : undefined; // Or "max", or not there.
  };
  const max = number('memory.max');
  const current = number('memory.current');
  if (max === undefined || current === undefined) return undefined;
  const stat = read(join(dir, 'memory.stat')) ?? '';
  const files = [...stat.matchAll(/^(?:in)?active_file ([0-9]+)$/gm)]
    .map((match) => BigInt(match[1] ?? 0))
    .reduce((sum, bytes) => sum + bytes, 0n);
  return positive(max - current + files) + swapIn(number, swapFree);
}

function swapIn(number: (name: string) => bigint | undefined, swapFree: bigint): bigint {
  const max = number('memory.swap.max');
  if (max === undefined) return swapFree;
  const left = positive(max - (number('memory.swap.current') ?? 0n));
  return left < swapFree ? left : swapFree;
}

function positive(bytes: bigint): bigint {
  return bytes > 0n ? bytes : 0n;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
