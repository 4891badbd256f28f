import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SdmError } from '../../src/common/errors.js';
import { inBrick, roundTrip, type Brick } from '../harness/brick.js';
import type {
  CaseOptions,
  Cases,
  Comparison,
  Readings,
  Suite,
  Workload,
} from '../harness/types.js';

const NODE = 1;
const SIZE = 1n << 30n;
const QUICK_SIZE = 1n << 28n;
const SCRIPT = fileURLToPath(new URL('../../../bench/guest/shell_way.sh', import.meta.url));

/** Steps that an operator has a command for, by their names in an attachment; in order. */
const ATTACH = ['claimed', 'present', 'online'] as const;
const DETACH = ['offline', 'absent', 'scrubbed', 'flushed', 'released'] as const;
const ATTACH_ALL = 'attach, all steps';
const DETACH_ALL = 'detach, all steps';
const SHELL = 'by hand in a shell';

const byHand = (series: string): string => `${SHELL}: ${series}`;

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

/** Attaches and detaches once; readings in ms by step, and the sum of each way. */
function ours(brick: Brick, size: bigint, seen: (start: string) => void): Workload {
  const run = async (): Promise<Readings> => {
    const { start, up, down } = await roundTrip(brick, size, NODE);
    seen(start);
    const named = new Map([...up, ...down].map(({ step, ms }) => [step, ms]));
    return {
      ...Object.fromEntries([...ATTACH, ...DETACH].map((step) => [step, named.get(step) ?? 0])),
      [ATTACH_ALL]: sum(up.map(({ ms }) => ms)),
      [DETACH_ALL]: sum(down.map(({ ms }) => ms)),
    };
  };
  return { name: 'agent', run };
}

/** The same range by hand. */
function theirs(brick: Brick, size: bigint, start: () => string): Workload {
  const script = readFileSync(SCRIPT, 'utf8');
  const run = async (): Promise<Readings> => {
    const argv = ['sh', '-s', start(), `0x${size.toString(16)}`, String(NODE)];
    const text = await inBrick(brick, argv, script);
    const ms = new Map(
      text
        .trim()
        .split('\n')
        .map((line) => line.split(' '))
        .map(([step, ns]) => [step ?? '', Number(ns) / 1e6]),
    );
    const of = (step: string): number => ms.get(step) ?? Number.NaN;
    return {
      ...Object.fromEntries([...ATTACH, ...DETACH].map((step) => [byHand(step), of(step)])),
      [byHand(ATTACH_ALL)]: sum(ATTACH.map(of)),
      [byHand(DETACH_ALL)]: sum(DETACH.map(of)),
    };
  };
  return { name: SHELL, run };
}

const COMPARISONS = [...ATTACH, ATTACH_ALL, ...DETACH, DETACH_ALL].map((name): Comparison => ({
  case: name,
  baseline: byHand(name),
  unit: 'ms',
  better: 'lower',
}));

async function cases({ quick, log, signal }: CaseOptions): Promise<Cases> {
  const { rackUp } = await import('../../src/rack/index.js');
  const name = `bench-${process.pid}`;
  const rack = await rackUp({ name, bricks: 1, onProgress: log, signal });
  const brick = { rack, signal };
  const size = quick ? QUICK_SIZE : SIZE;
  let start: string | undefined;
  const known = (): string => {
    // The agent's workload is the first of the warm-up round.
    if (start === undefined)
      throw new SdmError('SDM_INTERNAL', 'the agent has attached nothing yet');
    return start;
  };
  return {
    workloads: [ours(brick, size, (address) => (start = address)), theirs(brick, size, known)],
    comparisons: COMPARISONS,
    close: () => rack.down(),
  };
}

export const attach: Suite = {
  name: 'attach',
  about: 'attaching and detaching 1 GiB (quick: 256 MiB) as RAM in a VM, step by step',
  emulated: 'an aarch64 VM without hardware virtualisation; remote memory is a shared file',
  rounds: 7,
  cases,
};
