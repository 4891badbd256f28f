import { SdmError } from '../../src/common/errors.js';
import { guestPath, inBrick, type Brick } from '../harness/brick.js';
import { numbersOf } from '../harness/commands.js';
import type { Comparison, Workload } from '../harness/types.js';

/** In a brick: sets and clears memports. */
export const CYCLES_PROGRAM = 'memport_cycles';
const DEVICE = '/sys/bus/pci/devices/0000:00:02.0';
/** All that the device has by default. */
const PORTS = 32;
const CYCLES = 201;
const QUICK_CYCLES = 11;

/** As memport_cycles prints them, and what they are called. */
const TITLES = {
  set: 'set one, until it says so',
  load: 'set one, until a load came back',
  clear: 'clear one',
  set_others: `set one of ${PORTS} with the others set`,
  load_others: `set one of ${PORTS} with the others set, until a load came back`,
  clear_others: `clear one of ${PORTS} with the others set`,
  set_row: `set ${PORTS} one after the other, each`,
  clear_row: `clear ${PORTS} one after the other, each`,
  set_at_once: `set ${PORTS} at once, each`,
  clear_at_once: `clear ${PORTS} at once, each`,
  refused: 'the same accesses, refused',
  access: 'store and load of a register',
} as const;
type Reading = keyof typeof TITLES;
const READINGS = Object.keys(TITLES) as Reading[];

/** The CPUs of the brick: how many there are, and how many besides ours are at work. */
const PLACES = {
  one: { name: '1 vCPU', busy: 0 },
  idle: { name: '2 vCPUs', busy: 0 },
  busy: { name: '2 vCPUs, both at work', busy: 1 },
} as const;
type Place = keyof typeof PLACES;

const series = (place: Place, reading: Reading): string =>
  `${TITLES[reading]}, ${PLACES[place].name}`;

/** QEMU's arguments for a second vCPU, over those that a rack gives each brick. */
export const SECOND_CPU = [
  ...['-smp', '2'],
  ...['-numa', 'cpu,node-id=0,socket-id=0,cluster-id=0,core-id=1,thread-id=0'],
] as const;

/** What memport_cycles printed, in us by series. */
export function cycleTimes(place: Place, text: string): Record<string, number> {
  const ns = numbersOf(CYCLES_PROGRAM, text, READINGS);
  return Object.fromEntries(
    READINGS.map((reading) => [series(place, reading), ns[reading] / 1000]),
  );
}

function workload(brick: Brick, place: Place, cycles: number): Workload {
  const { name, busy } = PLACES[place];
  const run = async (): Promise<Record<string, number>> => {
    const argv = [guestPath(CYCLES_PROGRAM), DEVICE, PORTS, cycles, busy].map(String);
    return cycleTimes(place, await inBrick(brick, argv));
  };
  return { name: `memports, ${name}`, run };
}

/** @throws SDM_BENCH: QEMU or the kernel took no notice of the second one, and nothing would tell. */
async function checkCpus(brick: Brick, wanted: number): Promise<void> {
  const found = Number(await inBrick(brick, 'nproc'));
  if (found === wanted) return;
  throw new SdmError('SDM_BENCH', `the brick has ${found} CPUs; expected ${wanted}`);
}

/** Setting and clearing memports, in bricks of which no agent uses the device. */
export async function memportWorkloads(
  one: Brick,
  two: Brick,
  quick: boolean,
): Promise<readonly Workload[]> {
  await checkCpus(one, 1);
  await checkCpus(two, 2);
  const cycles = quick ? QUICK_CYCLES : CYCLES;
  return [
    workload(one, 'one', cycles),
    workload(two, 'idle', cycles),
    workload(two, 'busy', cycles),
  ];
}

const us = (ours: string, baseline: string): Comparison => ({
  case: ours,
  baseline,
  unit: 'us',
  better: 'lower',
});
const within = (place: Place, ours: Reading, baseline: Reading): Comparison =>
  us(series(place, ours), series(place, baseline));
/** What each of these takes with one vCPU is the baseline of two. */
const AGAINST_ONE = ['load', 'clear', 'load_others', 'clear_others', 'set_at_once'] as const;

export const MEMPORT_COMPARISONS: readonly Comparison[] = [
  within('one', 'set', 'refused'),
  within('one', 'load', 'refused'),
  within('one', 'clear', 'access'),
  within('one', 'set_others', 'set'),
  within('one', 'load_others', 'load'),
  within('one', 'clear_others', 'clear'),
  within('one', 'set_row', 'set'),
  within('one', 'clear_row', 'clear'),
  within('one', 'set_at_once', 'set_row'),
  within('one', 'clear_at_once', 'clear_row'),
  ...(['idle', 'busy'] as const).flatMap((place) =>
    AGAINST_ONE.map((reading) => us(series(place, reading), series('one', reading))),
  ),
];
