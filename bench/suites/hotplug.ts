import { SdmError } from '../../src/common/errors.js';
import { formatSize } from '../../src/common/units.js';
import { guestPath, guestProgram, inBrick, type Brick } from '../harness/brick.js';
import type {
  CaseOptions,
  Cases,
  Comparison,
  Readings,
  Suite,
  Workload,
} from '../harness/types.js';

const NODE = 1;
const MIB = 1n << 20n;
/** The first memory blocks of the window hold the pool's header. */
const OFFSET = 256n * MIB;
const SIZES = [256n * MIB, 1024n * MIB, 2048n * MIB] as const;
const QUICK_SIZES = [256n * MIB] as const;
const POOL = 4096n * MIB;
/** In use at the second offline: all of it must fit into what the brick has of its own. */
const USED = 200n * MIB;
/**
 * The brick's clock counts its instructions, a nanosecond each, and runs on while it waits for a timer: a
 * reading is the same on a machine that has other things to do, which else makes it several times as long.
 */
const COUNT_INSTRUCTIONS = ['-icount', 'shift=0'] as const;
const POOL_DEVICE = '/sys/bus/pci/devices/0000:00:03.0';
const WINDOW = '/sys/class/misc/sdm-window/window';
const HELPER = 'hotplug_steps';
const PROGRAM = guestPath(HELPER);

/** As hotplug_steps prints them. */
const STEPS = ['add', 'online', 'offline-idle', 'offline-used', 'remove'] as const;
type Step = (typeof STEPS)[number];
const TITLES: Readonly<Record<Step, string>> = {
  add: 'add',
  online: 'online',
  'offline-idle': 'offline, idle',
  'offline-used': `offline, ${formatSize(USED)} in use`,
  remove: 'remove',
};
/** What one may take of the other's time, at most. */
const MOST = 1.05;

const series = (way: string, size: bigint, step: Step): string =>
  `${way}: ${TITLES[step]}, ${formatSize(size)}`;

/**
 * What the helper printed, in ms by step.
 * @throws SDM_BENCH where a step has no time: a reading that is no number would be compared as one.
 */
export function stepTimes(text: string): Record<Step, number> {
  const lines = new Map(text.split('\n').map((line) => line.split(' ', 2) as [string, string]));
  const times = STEPS.map((step): [Step, number] => {
    const ns = Number(lines.get(step));
    if (ns > 0) return [step, ns / 1e6];
    throw new SdmError('SDM_BENCH', `${PROGRAM} gave no time for "${step}", but: ${text.trim()}`);
  });
  return Object.fromEntries(times) as Record<Step, number>;
}

/** Every size once, by one of the two ways; readings in ms. */
function workload(
  brick: Brick,
  way: 'module' | 'kmem',
  name: string,
  base: bigint,
  sizes: readonly bigint[],
): Workload {
  const runs = async (): Promise<Readings> => {
    const readings: Record<string, number> = {};
    for (const size of sizes) {
      const text = await inBrick(brick, `${PROGRAM} ${way} ${base} ${size} ${NODE} ${USED}`);
      const ms = stepTimes(text);
      for (const step of STEPS) readings[series(name, size, step)] = ms[step];
    }
    return readings;
  };
  return { name, run: runs };
}

async function cases({ quick, log, signal }: CaseOptions): Promise<Cases> {
  const { rackUp } = await import('../../src/rack/index.js');
  const { ensureArtifacts } = await import('../../src/rack/artifacts/index.js');
  const { kernelModules } = await import('../../src/rack/kernel-modules.js');
  // It measures within the brick: nothing but the kernel is between it and the clock.
  const program = await guestProgram(HELPER, signal);
  const artifacts = await ensureArtifacts({ signal });
  const dax = await kernelModules(artifacts, ['dax_hmem', 'kmem'], signal);
  const rack = await rackUp({
    name: `bench-${process.pid}`,
    bricks: 1,
    poolSize: POOL,
    append: 'sdm.agent=no',
    artifacts,
    qemuArgs: COUNT_INSTRUCTIONS,
    extra: [program, ...dax],
    onProgress: log,
    signal,
  });
  const brick = { rack, signal };
  try {
    const bar = await inBrick(brick, `sed -n 3p ${POOL_DEVICE}/resource`);
    const base = BigInt(bar.split(' ')[0] ?? '');
    await inBrick(brick, `echo 1 >${POOL_DEVICE}/enable; echo ${base} ${POOL} >${WINDOW}`);
    const sizes = quick ? QUICK_SIZES : SIZES;
    const start = base + OFFSET;
    const comparisons = sizes.flatMap((size) =>
      STEPS.map((step): Comparison => ({
        case: series('sdmc_mem', size, step),
        baseline: series('dax/kmem', size, step),
        unit: 'ms',
        better: 'lower',
        aim: Number((1 / MOST).toFixed(3)),
      })),
    );
    return {
      workloads: [
        workload(brick, 'module', 'sdmc_mem', start, sizes),
        workload(brick, 'kmem', 'dax/kmem', start, sizes),
      ],
      comparisons,
      close: () => rack.down(),
    };
  } catch (error) {
    await rack.down();
    throw error;
  }
}

export const hotplug: Suite = {
  name: 'hotplug',
  about: 'each step of hot-plug in a VM against dax/kmem: 256 MiB, 1 and 2 GiB (quick: 256 MiB)',
  emulated:
    'an aarch64 VM without hardware virtualisation (TCG), whose clock counts instructions, 1 ns each; ' +
    'remote memory is a shared file',
  rounds: 9,
  cases,
};
