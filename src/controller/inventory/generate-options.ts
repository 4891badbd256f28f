import { SdmError } from '../../common/errors.js';
import { MAX_BRICK, MAX_ID } from './brick-id.js';
import { MAX_BRICKS } from './topology-check.js';
import { DEFAULT_MEMPORTS, MAX_TRANSCEIVERS } from './topology-schema.js';

export const BOX_SWITCHES = ['electrical', 'optical', 'both'] as const;
export const OUTER_SWITCHES = ['electrical', 'optical', 'none'] as const;

/** What a generated system is made of; all have defaults. */
export interface GenerateOptions {
  readonly racks: number;
  /** Per rack. */
  readonly boxes: number;
  /** Per box; bricks are dealt out to them in order. */
  readonly trays: number;
  /** Per box, like memory and accelerators; at most 16 together. */
  readonly compute: number;
  readonly memory: number;
  readonly accelerators: number;
  /** Coherent islands of a compute brick, and cores of each. */
  readonly islands: number;
  readonly cores: number;
  /** MiB of a compute brick's own. */
  readonly localMemory: number;
  readonly memports: number;
  /** Per memory brick. */
  readonly segments: number;
  /** MiB. */
  readonly segmentSize: number;
  readonly transceivers: number;
  /** Of each box: dbesm-R-B, dbosm-R-B; both: half of a brick's transceivers go to each. */
  readonly boxSwitch: (typeof BOX_SWITCHES)[number];
  /** drosm-R; none: a box reaches itself only. */
  readonly rackSwitch: (typeof OUTER_SWITCHES)[number];
  /** ddosm, where there is more than one rack. */
  readonly siteSwitch: (typeof OUTER_SWITCHES)[number];
  /** Links of each box switch to the rack's. */
  readonly uplinks: number;
  /** Links of each rack's switch to the site's. */
  readonly rackUplinks: number;
  /** Percent of a transceiver. */
  readonly linkCapacity: number;
  /** Of electrical switches, percent of a transceiver; 0: no limit beside their links. */
  readonly switchCapacity: number;
}

/** A system like the one that D4.4's genconfig.py makes: a rack of bricks with four cores each. */
export const DEFAULTS: GenerateOptions = {
  racks: 1,
  boxes: 2,
  trays: 2,
  compute: 8,
  memory: 8,
  accelerators: 0,
  islands: 1,
  cores: 4,
  localMemory: 4096,
  memports: DEFAULT_MEMPORTS,
  segments: 32,
  segmentSize: 256,
  transceivers: 8,
  boxSwitch: 'electrical',
  rackSwitch: 'optical',
  siteSwitch: 'optical',
  uplinks: 8,
  rackUplinks: 16,
  linkCapacity: 100,
  switchCapacity: 0,
};

/** From least to most, with both. */
export const RANGES: Readonly<
  Record<
    Exclude<keyof GenerateOptions, 'boxSwitch' | 'rackSwitch' | 'siteSwitch'>,
    readonly [number, number]
  >
> = {
  racks: [1, 4096],
  boxes: [1, 8192],
  trays: [1, MAX_BRICK + 1],
  compute: [0, MAX_BRICK + 1],
  memory: [0, MAX_BRICK + 1],
  accelerators: [0, MAX_BRICK + 1],
  islands: [1, 64],
  cores: [1, 4096],
  localMemory: [1, 1 << 30],
  memports: [1, 512],
  segments: [1, 1 << 20],
  segmentSize: [1, 1 << 30],
  transceivers: [1, MAX_TRANSCEIVERS],
  uplinks: [1, 1024],
  rackUplinks: [1, 4096],
  linkCapacity: [1, 1_000_000],
  switchCapacity: [0, 1_000_000_000],
};

/** Boxes of eight compute and eight memory bricks, 64 boxes to a rack, for `count` bricks of each. */
export function optionsForBricks(
  count: number,
): Pick<GenerateOptions, 'racks' | 'boxes' | 'compute' | 'memory'> {
  const each = Math.min(8, count);
  const boxes = Math.ceil(count / each);
  const racks = Math.ceil(boxes / 64);
  return { racks, boxes: Math.ceil(boxes / racks), compute: each, memory: each };
}

/**
 * Fills in what is not given.
 * @throws SdmError SDM_INPUT, naming what cannot be.
 */
export function withDefaults(given: Partial<GenerateOptions> = {}): GenerateOptions {
  const options = { ...DEFAULTS, ...given };
  for (const [name, [least, most]] of Object.entries(RANGES)) {
    const value = options[name as keyof typeof RANGES];
    if (Number.isSafeInteger(value) && value >= least && value <= most) continue;
    throw refuse(`${name} is ${value}; expected a whole number from ${least} to ${most}`);
  }
  const { racks, boxes, compute, memory, accelerators, transceivers, boxSwitch } = options;
  const inBox = compute + memory + accelerators;
  if (inBox < 1 || inBox > MAX_BRICK + 1) {
    throw refuse(`a box has ${inBox} bricks; expected 1 to ${MAX_BRICK + 1} of all types together`);
  }
  for (const [name, each] of Object.entries({ compute, memory, accelerators })) {
    const all = racks * boxes * each;
    if (all <= MAX_BRICKS) continue;
    throw refuse(`that is ${all} bricks of type ${name}; expected at most ${MAX_BRICKS}`);
  }
  if (boxSwitch === 'both' && transceivers < 2) {
    throw refuse('a brick with one transceiver cannot go to both switches; expected 2 or more');
  }
  if (boxes - 1 > MAX_ID) throw refuse(`${boxes} boxes in a rack; expected at most ${MAX_ID + 1}`);
  return options;
}

function refuse(message: string): SdmError {
  return new SdmError('SDM_INPUT', message);
}
