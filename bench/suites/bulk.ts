import { closeSync, openSync, statfsSync, writeSync } from 'node:fs';
import path from 'node:path';
import { SdmError } from '../../src/common/errors.js';
import { formatSize } from '../../src/common/units.js';
import type { MemoryMap } from '../../src/native/types.js';
import { measureOne } from '../harness/commands.js';
import { compile } from '../harness/compile.js';
import { makeScratch } from '../harness/scratch.js';
import type { CaseOptions, Cases, Comparison, Suite, Workload } from '../harness/types.js';

const SIZE = 1n << 30n;
const QUICK_SIZE = 1n << 26n;
const WORD = 0x0123_4567_89ab_cdefn;
const GIB = 2 ** 30;

/** Writes the file through once: a tmpfs that is too small says so here, not as SIGBUS later. */
function makeFile(file: string, size: bigint): void {
  const { bavail, bsize } = statfsSync(path.dirname(file), { bigint: true });
  if (bavail * bsize < size) {
    throw new SdmError(
      'SDM_BENCH',
      `${path.dirname(file)} has ${formatSize(bavail * bsize)} free and the suite needs ` +
        `${formatSize(size)}; free some, or run with --quick (${formatSize(QUICK_SIZE)})`,
    );
  }
  const chunk = Buffer.alloc(1 << 20);
  const fd = openSync(file, 'wx');
  try {
    for (let done = 0n; done < size; done += BigInt(chunk.length)) writeSync(fd, chunk);
  } finally {
    closeSync(fd);
  }
}

/** Times asynchronous work over `bytes` and gives GiB/s. */
function timed(name: string, bytes: bigint, work: () => Promise<unknown>): Workload {
  return {
    name,
    run: async () => {
      const start = process.hrtime.bigint();
      await work();
      const seconds = Number(process.hrtime.bigint() - start) / 1e9;
      return { [name]: Number(bytes) / GIB / seconds };
    },
  };
}

function ours(map: MemoryMap, size: bigint, signal: AbortSignal): Workload[] {
  const half = size / 2n;
  return [
    timed('fill', size, () => map.fill(WORD, { signal })),
    timed('checksum', size, () => map.checksum({ signal })),
    timed('copy', half, () => map.copyFrom(map, 0n, { offset: half, length: half, signal })),
  ];
}

/** Series of the C program by what it is told to do. */
const LOOPS = {
  fill: 'C loop, fill',
  checksum: 'C loop, checksum',
  copy: 'C loop, copy',
  memcpy: 'C memcpy',
} as const;

function theirs(loop: string, file: string, signal: AbortSignal): Workload[] {
  return Object.entries(LOOPS).map(([what, name]) => ({
    name,
    run: async () => ({ [name]: await measureOne([loop, file, what], 'gib_per_s', signal) }),
  }));
}

const higher = (name: string, baseline: string, aim?: number): Comparison => ({
  case: name,
  baseline,
  unit: 'GiB/s',
  better: 'higher',
  ...(aim === undefined ? {} : { aim }),
});

const COMPARISONS = [
  higher('fill', LOOPS.fill, 0.9),
  higher('checksum', LOOPS.checksum, 0.9),
  higher('copy', LOOPS.copy),
  higher('copy', LOOPS.memcpy),
];

async function cases({ quick, signal }: CaseOptions): Promise<Cases> {
  const { native } = await import('../../src/native/index.js');
  const scratch = makeScratch();
  try {
    const size = quick ? QUICK_SIZE : SIZE;
    const file = path.join(scratch.memory, 'pool');
    const loop = path.join(scratch.programs, 'bulk_loop');
    await compile(loop, ['bench/native/bulk_loop.c'], signal);
    makeFile(file, size);
    const map = native.mapMemory({ path: file, length: size, writable: true });
    return {
      workloads: [...ours(map, size, signal), ...theirs(loop, file, signal)],
      comparisons: COMPARISONS,
      close: () => {
        map.close();
        scratch.remove();
      },
    };
  } catch (error) {
    scratch.remove();
    throw error;
  }
}

export const bulk: Suite = {
  name: 'bulk',
  about: 'filling, checksumming and copying 1 GiB (quick: 64 MiB), off the main thread',
  emulated: 'the memory is tmpfs of this machine; remote memory is slower for both sides',
  rounds: 7,
  cases,
};
