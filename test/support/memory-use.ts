import type { Rack } from '../../src/rack/index.js';
import { inBrick } from './rack.js';

/** kB by what it is. */
export type MemoryUse = Readonly<Record<string, number>>;

/**
 * By how much each may grow, kB, over any number of cycles: what else goes on in a brick (connections of
 * ssh, lines in logs, the agent's heap) moves them to and fro by about half of that. A cycle of 256 MiB
 * that leaked its linear map (512 kB), its memory map (4 MiB) or a page of slab for each of its blocks'
 * files would be beyond it within ten.
 */
const TOLERANCES: MemoryUse = {
  Slab: 2048,
  PageTables: 768,
  KernelStack: 256,
  VmallocUsed: 512,
  Percpu: 128,
  used: 12_288,
};

/**
 * What the kernel of a brick uses by itself: without caches that it would drop, and without what its
 * agent holds. `used` is all memory that is neither free nor a process's or a file's.
 */
export async function memoryUse(rack: Rack, n: number): Promise<MemoryUse> {
  const text = await inBrick(
    rack,
    n,
    // twice: what the first pass frees lets the second free more
    'for i in 1 2; do sync; echo 3 >/proc/sys/vm/drop_caches; done; cat /proc/meminfo',
  );
  const meminfo = Object.fromEntries(
    [...text.matchAll(/^(\S+):\s+([0-9]+) kB$/gm)].map(([, name, kb]) => [name, Number(kb)]),
  ) as Record<string, number>;
  const of = (name: string): number => meminfo[name] ?? Number.NaN;
  const used = of('MemTotal') - of('MemFree') - of('AnonPages') - of('Cached') - of('Buffers');
  const named = Object.keys(TOLERANCES).filter((name) => name !== 'used');
  return { ...Object.fromEntries(named.map((name) => [name, of(name)])), used };
}

/** What grew by more than it may, a line each. */
export function growthOf(before: MemoryUse, after: MemoryUse): string[] {
  return Object.entries(TOLERANCES).flatMap(([name, tolerance]) => {
    const grown = (after[name] ?? Number.NaN) - (before[name] ?? Number.NaN);
    return grown <= tolerance
      ? []
      : [`${name}: ${before[name]} kB → ${after[name]} kB, ${tolerance} kB more are usual`];
  });
}
