import path from 'node:path';
import { formatSize } from '../../src/common/units.js';
import type { Rack, RackUpOptions } from '../../src/rack/index.js';
import { guestProgram, roundTrip, type Brick, type RoundTrip } from '../harness/brick.js';
import { makeScratch } from '../harness/scratch.js';
import type { CaseOptions, Cases, Comparison, Suite, Workload } from '../harness/types.js';
import {
  MEMORY_COMPARISONS,
  memoryWorkload,
  ownNode,
  SPEED_PROGRAM,
  type Way,
} from './qemu-memory.js';
import {
  CYCLES_PROGRAM,
  MEMPORT_COMPARISONS,
  memportWorkloads,
  SECOND_CPU,
} from './qemu-memports.js';

const MIB = 1n << 20n;
/** For racks in which only memports are set and cleared. */
const SMALL = { poolSize: 256n * MIB, memory: 256n * MIB } as const;
/** For those that attach: the brick's own RAM holds what the window is held against. */
const LARGE = { poolSize: 2048n * MIB, memory: 1024n * MIB } as const;
const NODE = 1;
const SIZE = 1024n * MIB;
const QUICK_SIZE = 256n * MIB;
/** Those in which the two ways could differ; the rest is in the sums. */
const ATTACH = ['programmed', 'claimed', 'present', 'online'] as const;
const DETACH = ['offline', 'absent', 'scrubbed', 'flushed', 'released', 'cleared'] as const;

type Names = (size: bigint, way: Way) => Readonly<Record<'attach' | 'detach', string>>;
const sums: Names = (size, way) => ({
  attach: `attach ${formatSize(size)}, ${way}`,
  detach: `detach ${formatSize(size)}, ${way}`,
});
const stepName = (of: string, step: string): string => `${of}: ${step}`;

/** The agent's own times, in ms by series: of all steps, and of those of which it is asked. */
export function attachTimes(size: bigint, way: Way, trip: RoundTrip): Record<string, number> {
  const name = sums(size, way);
  const directions = [
    { of: name.attach, steps: trip.up, named: ATTACH },
    { of: name.detach, steps: trip.down, named: DETACH },
  ];
  return Object.fromEntries(
    directions.flatMap(({ of, steps, named }) => {
      const ms = new Map(steps.map((each) => [each.step, each.ms]));
      return [
        [of, steps.reduce((total, each) => total + each.ms, 0)] as const,
        ...named.map((step) => [stepName(of, step), ms.get(step) ?? Number.NaN] as const),
      ];
    }),
  );
}

function attachWorkload(brick: Brick, size: bigint, way: Way): Workload {
  const run = async (): Promise<Record<string, number>> =>
    attachTimes(size, way, await roundTrip(brick, size, NODE));
  return { name: `attach, ${way}`, run };
}

/** Each way back and forth, and those of its steps. */
export function attachComparisons(size: bigint): readonly Comparison[] {
  const ours = sums(size, 'translation');
  const theirs = sums(size, 'identity');
  return (['attach', 'detach'] as const).flatMap((direction) => {
    const steps = direction === 'attach' ? ATTACH : DETACH;
    const pairs = [
      [ours[direction], theirs[direction]] as const,
      ...steps.map(
        (step) => [stepName(ours[direction], step), stepName(theirs[direction], step)] as const,
      ),
    ];
    return pairs.map(([name, baseline]): Comparison => ({
      case: name,
      baseline,
      unit: 'ms',
      better: 'lower',
    }));
  });
}

/** Runs `work` with bricks of either kind on the same patched QEMU, so that only devices differ. */
async function onOneQemu<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const before = process.env['SDM_QEMU'];
  if (before) return work();
  const { builtQemu } = await import('../../src/rack/qemu-binary.js');
  process.env['SDM_QEMU'] = await builtQemu({ signal });
  try {
    return await work();
  } finally {
    delete process.env['SDM_QEMU'];
  }
}

async function cases({ quick, log, signal }: CaseOptions): Promise<Cases> {
  const { rackUp } = await import('../../src/rack/index.js');
  const scratch = makeScratch();
  const racks: Rack[] = [];
  const close = async (): Promise<void> => {
    const ends = await Promise.allSettled(racks.splice(0).map((rack) => rack.down()));
    scratch.remove();
    const failed = ends
      .filter((end) => end.status === 'rejected')
      .map((end): unknown => end.reason);
    if (failed.length > 0)
      throw new AggregateError(failed, 'racks are left: see "sdm rack status"');
  };
  const boot = async (name: string, options: RackUpOptions): Promise<Brick> => {
    const whole = { name: `bench-${process.pid}-${name}`, bricks: 1, signal };
    const rack = await rackUp({
      ...whole,
      ...options,
      onProgress: (text) => log(`${name}: ${text}`),
    });
    racks.push(rack);
    return { rack, signal };
  };
  try {
    const size = quick ? QUICK_SIZE : SIZE;
    const cycles = [await guestProgram(CYCLES_PROGRAM, signal)];
    const speed = [await guestProgram(SPEED_PROGRAM, signal)];
    const own = (file: string): readonly string[] =>
      ownNode(LARGE.memory, path.join(scratch.memory, file));
    const append = 'sdm.agent=no sdm.module=no';
    const bare = { ...SMALL, qemu: 'patched', append, extra: cycles } as const;
    const { one, two, translation, identity } = await onOneQemu(signal, async () => ({
      one: await boot('one', bare),
      two: await boot('two', { ...bare, qemuArgs: SECOND_CPU }),
      translation: await boot('translation', {
        ...LARGE,
        qemu: 'patched',
        qemuArgs: own('t'),
        extra: speed,
      }),
      identity: await boot('identity', {
        ...LARGE,
        qemu: 'stock',
        qemuArgs: own('i'),
        extra: speed,
      }),
    }));
    return {
      workloads: [
        ...(await memportWorkloads(one, two, quick)),
        await memoryWorkload(translation, 'translation', quick),
        await memoryWorkload(identity, 'identity', quick),
        attachWorkload(translation, size, 'translation'),
        attachWorkload(identity, size, 'identity'),
      ],
      comparisons: [...MEMPORT_COMPARISONS, ...MEMORY_COMPARISONS, ...attachComparisons(size)],
      close,
    };
  } catch (error) {
    // Why it failed is of more use than what then stood in the way.
    await close().catch((left: unknown) => log(String(left)));
    throw error;
  }
}

export const qemu: Suite = {
  name: 'qemu',
  about: 'sdm-memport of a patched QEMU, in VMs: setting memports, its window as memory, attaching',
  emulated: 'aarch64 VMs without hardware virtualisation (TCG); remote memory is a shared file',
  rounds: 7,
  cases,
};
