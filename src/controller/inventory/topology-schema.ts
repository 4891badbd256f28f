/** The topology file as it is written; docs/topology.md has it for people. */
import { Type, type Static, type TProperties, type TSchema } from 'typebox';
import { HEX_PATTERN } from '../../common/units.js';
import {
  BRICK_ID_EXPECTED,
  BRICK_ID_PATTERN,
  MAX_BRICK,
  MAX_ID,
  SWITCH_ID_EXPECTED,
  SWITCH_ID_PATTERN,
} from './brick-id.js';

/** No unknown property passes: a misspelt one must not be taken for its default. */
const closed = { additionalProperties: false } as const;

export const MAX_TRANSCEIVERS = 16;
export const DEFAULT_CAPACITY = 100;
export const DEFAULT_MEMPORTS = 32;
export const DEFAULT_SEGMENT_SIZE = 1n << 28n;

const Id = (description: string, maximum = MAX_ID) =>
  Type.Integer({ minimum: 0, maximum, description });
const Count = (description: string, minimum: number, maximum: number, more: object = {}) =>
  Type.Integer({ minimum, maximum, description, ...more });
const Size = (description: string) =>
  Type.String({
    pattern: '^(0x[0-9a-fA-F]{1,16}|[0-9]{1,19}([KMGTP](iB)?)?)$',
    description,
    expected: 'a size such as "0x40000000" or "1GiB"',
  });
const Address = (description: string) =>
  Type.String({
    pattern: '^(unix:/|https?://)',
    maxLength: 512,
    description,
    expected: 'an address: "unix:/path", "http://127.0.0.1:8080" or "https://host:port"',
  });
const Transceivers = Count('how many transceivers the brick has', 1, MAX_TRANSCEIVERS);
const Capacity = (description: string) =>
  Count(description, 1, 1_000_000, {
    default: DEFAULT_CAPACITY,
    expected: 'a whole number from 1 to 1000000, in percent of a transceiver',
  });
const brick = <T extends string, P extends TProperties>(type: T, properties: P) =>
  Type.Object(
    {
      id: Id('counts within the box', MAX_BRICK),
      type: Type.Literal(type),
      transceivers: Transceivers,
      ...properties,
    },
    closed,
  );

export const ComputeBrick = brick('compute', {
  islands: Type.Array(Count('cores of one coherent island', 1, 4096), {
    minItems: 1,
    maxItems: 64,
    description: 'cores by coherent island: those of a platform are of one',
  }),
  memory: Size('local memory; whole MiB'),
  address: Type.Optional(Address('of its sdm-agent; none: nothing is programmed there')),
  ip: Type.Optional(
    Type.String({ minLength: 2, maxLength: 45, description: 'what D4.4 calls computeBrickIP' }),
  ),
  memports: Type.Optional(
    Count('entries of its segment table', 1, 512, { default: DEFAULT_MEMPORTS }),
  ),
  mode: Type.Optional(
    Type.Enum(['system-ram', 'device'], {
      description: 'how remote memory appears where a request does not say',
      default: 'system-ram',
    }),
  ),
  node: Type.Optional(Count('NUMA node of remote memory where a request names none', 0, 1023)),
});

export const MemoryBrick = brick('memory', {
  segments: Count('how many segments it lends', 1, 1 << 20),
  base: Type.Optional(
    Type.String({
      pattern: HEX_PATTERN,
      description:
        'remote address of segment 0; bricks that give one are parts of one pool. None: 0, in an address space of its own',
      expected: 'an address such as "0x8000000"',
    }),
  ),
  pool: Type.Optional(
    Type.String({
      pattern: SWITCH_ID_PATTERN,
      description: 'which pool `base` is in, where there are several',
      expected: SWITCH_ID_EXPECTED,
    }),
  ),
  address: Type.Optional(Address('of its lender; none: nothing is granted or scrubbed there')),
});

export const AcceleratorBrick = brick('accelerator', {
  slots: Count('how many accelerators it has', 1, 255),
  address: Type.Optional(Address('of its agent')),
});

export const Switch = Type.Object(
  {
    id: Type.String({
      pattern: SWITCH_ID_PATTERN,
      description: 'unique in the topology',
      expected: SWITCH_ID_EXPECTED,
    }),
    kind: Type.Enum(['electrical', 'optical'], {
      description:
        'electrical: packets share ports; optical: a port is joined to one other, a circuit',
    }),
    ports: Count('numbered from 0', 2, 1 << 20),
    capacity: Type.Optional(
      Count('electrical: what all paths through it may take together', 1, 1_000_000_000, {
        expected: 'a whole number from 1 to 1000000000, in percent of a transceiver',
      }),
    ),
    dbmc: Type.Optional(Address('of the daemon that sets its ports, where it is another one')),
  },
  closed,
);

export const END_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}/(0|[1-9][0-9]{0,6})$';
const End = Type.String({
  pattern: END_PATTERN,
  description: 'BRICK/TRANSCEIVER or SWITCH/PORT',
  expected: 'BRICK/TRANSCEIVER or SWITCH/PORT, such as "0.0.9/1" or "dbesm-0-0/60"',
});
export const Link = Type.Object(
  {
    a: End,
    b: End,
    capacity: Type.Optional(Capacity('what all paths over it may take together')),
  },
  closed,
);

export const Brick = Type.Union([ComputeBrick, MemoryBrick, AcceleratorBrick]);

const Switches = Type.Optional(Type.Array(Switch));
const Cluster = Type.Object(
  { id: Id('counts within the rack'), boxes: Type.Array(Id('a box of this rack')) },
  closed,
);

/** The file, of whatever stands for a brick and a link in it. */
function fileOf<B extends TSchema, L extends TSchema>(brickSchema: B, link: L) {
  const Tray = Type.Object(
    {
      id: Id('counts within the box'),
      dbmc: Type.Optional(Address('of its sdm-dbmc')),
      bricks: Type.Array(brickSchema),
    },
    closed,
  );
  const Box = Type.Object(
    {
      id: Id('counts within the rack'),
      dbmc: Type.Optional(
        Address("of what sets the ports of the box's switches; default: its first tray's"),
      ),
      switches: Switches,
      trays: Type.Array(Tray),
    },
    closed,
  );
  const Rack = Type.Object(
    {
      id: Id('unique'),
      dbmc: Type.Optional(Address("of what sets the ports of the rack's own switches")),
      switches: Switches,
      clusters: Type.Optional(
        Type.Array(Cluster, {
          description: 'each box is in one; none: all boxes of the rack are in cluster 0',
        }),
      ),
      boxes: Type.Array(Box),
    },
    closed,
  );
  return Type.Object(
    {
      $schema: Type.Optional(Type.String({ description: 'for editors' })),
      version: Type.Literal(1),
      rack: Type.Optional(
        Type.String({
          pattern: SWITCH_ID_PATTERN,
          description: 'name of the whole, as certificates have it',
          expected: SWITCH_ID_EXPECTED,
        }),
      ),
      segmentSize: Type.Optional(Size('of all memory bricks, whole MiB; default 256 MiB')),
      dbmc: Type.Optional(Address('of what sets the ports of the switches between racks')),
      switches: Switches,
      racks: Type.Array(Rack),
      links: Type.Optional(Type.Array(link)),
    },
    closed,
  );
}

export const TopologyFile = fileOf(Brick, Link);
/** The same with bricks and links left open: those are checked one by one, each as what it is. */
export const TopologySkeleton = fileOf(Type.Unknown(), Type.Unknown());

/** More keys are let through: a newer dBMC may say more. */
const open = { additionalProperties: true } as const;

/** What a tray says of itself; `id` is "rack.box.tray", or "rack" for that rack's own switches. */
export const TrayRegistration = Type.Object(
  {
    id: Type.String({
      pattern: '^(0|[1-9][0-9]{0,4})(\\.(0|[1-9][0-9]{0,4})\\.(0|[1-9][0-9]{0,4}))?$',
      expected: 'rack.box.tray, such as "0.2.1", or a rack, such as "0"',
    }),
    address: Type.Optional(Address('of its sdm-dbmc')),
    bricks: Type.Optional(
      Type.Array(
        Type.Object(
          { id: Type.String({ pattern: BRICK_ID_PATTERN, expected: BRICK_ID_EXPECTED }) },
          { ...open, description: 'of a brick that is known, any key of the file may be left out' },
        ),
        { maxItems: 1024 },
      ),
    ),
    switches: Type.Optional(
      Type.Array(
        Type.Object(
          { id: Type.String({ pattern: SWITCH_ID_PATTERN, expected: SWITCH_ID_EXPECTED }) },
          open,
        ),
        { maxItems: 1024 },
      ),
    ),
    links: Type.Optional(Type.Array(Link, { maxItems: 65_536 })),
  },
  open,
);

type Deep<T> = T extends readonly (infer E)[]
  ? readonly Deep<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Deep<T[K]> }
    : T;

export type Topology = Deep<Static<typeof TopologyFile>>;
export type RackEntry = Topology['racks'][number];
export type BoxEntry = RackEntry['boxes'][number];
export type TrayEntry = BoxEntry['trays'][number];
export type SwitchEntry = Deep<Static<typeof Switch>>;
export type BrickEntry = Deep<Static<typeof Brick>>;
export type ComputeEntry = Deep<Static<typeof ComputeBrick>>;
export type MemoryEntry = Deep<Static<typeof MemoryBrick>>;
export type AcceleratorEntry = Deep<Static<typeof AcceleratorBrick>>;
export type LinkEntry = Deep<Static<typeof Link>>;
export type Registration = Deep<Static<typeof TrayRegistration>>;
