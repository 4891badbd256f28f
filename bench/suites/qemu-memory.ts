import { SdmError } from '../../src/common/errors.js';
import { askAgent, guestPath, inBrick, type Brick } from '../harness/brick.js';
import { numbersOf } from '../harness/commands.js';
import type { Comparison, Workload } from '../harness/types.js';

/** In a brick: copies, and loads from random places, in memory of several kinds. */
export const SPEED_PROGRAM = 'memory_speed';
const MIB = 1n << 20n;
/** The kernel's memory block, of which RAM is made. */
const BLOCK = 128n * MIB;
/** Of the window's RAM, for what the kernel itself keeps of it. */
const SPARE = 32n * MIB;
/** RAM of a brick that lies in the same kind of file as the pool does: see {@link ownNode}. */
const OWN_NODE = 3;
const OWN_SIZE = 512n * MIB;
/** The window's RAM; attaching is measured in node 1, and undisturbed by this. */
const WINDOW_NODE = 2;
/** Least part of guest RAM's speed. */
const AIM = 0.95;

interface Amounts {
  /** Bytes that loads are spread over. */
  readonly chase: bigint;
  readonly copy: bigint;
  readonly loads: number;
  readonly slices: number;
}

const FULL: Amounts = { chase: 256n * MIB, copy: 64n * MIB, loads: 1_000_000, slices: 5 };
const QUICK: Amounts = { chase: 32n * MIB, copy: 8n * MIB, loads: 50_000, slices: 3 };

export type Way = 'translation' | 'identity';
/** What is measured, and what of it. */
const KINDS = {
  own: 'guest RAM on tmpfs',
  plain: 'guest RAM by default',
  ram: 'RAM',
  mapped: 'mapped',
};
type Kind = keyof typeof KINDS;
type Measure = 'copy' | 'load';

function series(way: Way, measure: Measure, kind: Kind): string {
  const what = measure === 'copy' ? 'copy' : 'random loads';
  const window = kind === 'ram' || kind === 'mapped';
  return `${what}, ${window ? `window as ${KINDS[kind]}` : KINDS[kind]} (${way})`;
}

/**
 * QEMU's arguments for RAM of a brick in a file on tmpfs, as the pool is, in a node of its own. QEMU asks
 * the host for huge pages for all other RAM, and a host gives none for tmpfs: held against that RAM, the
 * window would answer for the host's pages.
 * @param memory what the brick has besides.
 */
export function ownNode(memory: bigint, file: string): readonly string[] {
  const size = `${OWN_SIZE >> 20n}M`;
  const distances = [0, 1, 2].flatMap((node) => [
    '-numa',
    `dist,src=${node},dst=${OWN_NODE},val=20`,
  ]);
  return [
    ...['-m', `${(memory + OWN_SIZE) >> 20n}M`],
    ...['-object', `memory-backend-file,id=own,share=on,size=${size},mem-path=${file}`],
    ...['-numa', `node,nodeid=${OWN_NODE},memdev=own`],
    ...distances,
  ];
}

/** The arguments of memory_speed that stand for each kind. */
export type Areas = Readonly<Record<Kind, string>>;

/** What memory_speed printed, by series: GiB/s of copies, ns of loads. */
export function speeds(way: Way, areas: Areas, text: string): Record<string, number> {
  const wanted = (Object.keys(KINDS) as Kind[]).flatMap((kind) =>
    (['copy', 'load'] as const).map((measure) => ({ kind, measure })),
  );
  const nameOf = (kind: Kind, measure: Measure): string => `${measure} ${areas[kind]}`;
  const names = wanted.map(({ kind, measure }) => nameOf(kind, measure));
  const numbers = numbersOf(SPEED_PROGRAM, text, names);
  return Object.fromEntries(
    wanted.map(({ kind, measure }) => [
      series(way, measure, kind),
      numbers[nameOf(kind, measure)] ?? Number.NaN,
    ]),
  );
}

/** Attaches the window both ways, for as long as the rack is there, and gives the workload. */
export async function memoryWorkload(brick: Brick, way: Way, quick: boolean): Promise<Workload> {
  const { chase, copy, loads, slices } = quick ? QUICK : FULL;
  const size = chase + copy;
  const ram = ((size + SPARE + BLOCK - 1n) / BLOCK) * BLOCK;
  await askAgent(brick, 'attach', '--size', String(ram), '--node', String(WINDOW_NODE));
  const mapped = await askAgent(brick, 'attach', '--size', String(size), '--mode', 'device');
  if (mapped.device === undefined)
    throw new SdmError('SDM_INTERNAL', 'an attachment of mode device that no program can map');
  const areas: Areas = {
    own: `node:${OWN_NODE}`,
    plain: 'node:0',
    ram: `node:${WINDOW_NODE}`,
    mapped: `file:${mapped.device.path}:${mapped.device.offset}`,
  };
  const amounts = [chase, copy, loads, slices].map(String);
  const argv = [guestPath(SPEED_PROGRAM), ...amounts, ...Object.values(areas)];
  return {
    name: `memory, ${way}`,
    run: async () => speeds(way, areas, await inBrick(brick, argv)),
  };
}

function against(measure: Measure, kind: Kind, way: Way, other: Kind, aim?: number): Comparison {
  return {
    case: series('translation', measure, kind),
    baseline: series(way, measure, other),
    unit: measure === 'copy' ? 'GiB/s' : 'ns/load',
    better: measure === 'copy' ? 'higher' : 'lower',
    ...(aim === undefined ? {} : { aim }),
  };
}

export const MEMORY_COMPARISONS: readonly Comparison[] = (['copy', 'load'] as const).flatMap(
  (measure) => [
    against(measure, 'ram', 'translation', 'own', AIM),
    against(measure, 'mapped', 'translation', 'own', AIM),
    against(measure, 'ram', 'translation', 'plain'),
    against(measure, 'ram', 'identity', 'ram'),
    against(measure, 'mapped', 'identity', 'mapped'),
  ],
);
