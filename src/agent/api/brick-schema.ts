/** What a brick has, as `GET /v1/brick` answers and `sdm-agent probe` prints. */
import { Type, type Static } from 'typebox';
import { BACKENDS } from '../types.js';
import { closed, Hex, named, Nullable, ref } from '../../common/server/forms.js';
import { NodeView } from './schemas.js';

const Range = Type.Object({ start: Hex('first address'), size: Hex('bytes') }, closed);
const Node = Type.Integer({ minimum: 0, maximum: 1023 });

const Device = Type.Object(
  {
    pci: Type.String({ description: 'PCI address' }),
    id: Type.String({ description: 'vendor and device: 1af4:1110 ivshmem, 1af4:10f0 sdm-memport' }),
    role: Type.Enum(['registers', 'pool', 'other']),
    driver: Nullable(Type.String({ description: 'bound driver' })),
    bars: Type.Array(
      Type.Object(
        { index: Type.Integer({ minimum: 0 }), start: Hex('first address'), size: Hex('bytes') },
        closed,
      ),
    ),
  },
  closed,
);

const SetMemport = Type.Object(
  {
    port: Type.Integer({ minimum: 0, maximum: 511 }),
    statusName: Type.String(),
    start: Hex('first local physical address'),
    end: Hex('last local physical address'),
    remote: Type.Optional(Hex('remote address of the first byte')),
    outId: Hex('network id out'),
    inId: Hex('network id in'),
    owner: Type.Optional(
      Type.Enum(['none', 'attachment', 'manual', 'foreign'], {
        description: 'only an agent knows',
      }),
    ),
    by: Type.Optional(Type.String({ description: '"local" or a controller' })),
    attachment: Type.Optional(Type.String({ description: 'its id' })),
  },
  closed,
);

const Registers = Type.Object(
  {
    backend: Type.Enum(BACKENDS),
    at: Type.String({ description: 'the device (a PCI address where it has one) or the path' }),
    features: Type.Array(Type.String()),
    translation: Type.Boolean({ description: 'false: remote = start - window base, no isolation' }),
    isolation: Type.Boolean({
      description: 'true: this brick reaches nothing but what its memports map',
    }),
    passive: Type.Boolean(),
    nports: Type.Integer({ minimum: 0 }),
    ntransceivers: Type.Integer({ minimum: 0 }),
    windowBase: Hex('first local physical address'),
    windowSize: Hex('bytes'),
    remoteSize: Hex('remote addresses are below it'),
    granule: Hex('bytes'),
    checks: Nullable(
      Type.Object(
        {
          alignment: Type.Boolean({ description: 'ranges are multiples of the granule' }),
          remoteOverlap: Type.Boolean({ description: 'no two lead to the same bytes' }),
        },
        { ...closed, description: 'what the agent refuses; null: no agent was asked' },
      ),
    ),
    set: Type.Array(SetMemport, { description: 'the memports that are set' }),
  },
  closed,
);

const Module = Type.Object(
  {
    loaded: Type.Boolean(),
    version: Nullable(Type.String()),
    mismatch: Nullable(Type.String({ description: 'why it does not fit this agent' })),
    readable: Type.Boolean({ description: 'whether its window could be read: only by root' }),
    window: Nullable(Range),
  },
  closed,
);

/** Why there is none of something that was looked for. */
const Lack = Type.Object({ code: Type.String(), message: Type.String() }, closed);

const Kernel = Type.Object(
  {
    release: Type.String(),
    pageSize: Nullable(Type.Integer({ description: 'bytes' })),
    lockdown: Nullable(Type.String({ description: 'none, integrity or confidentiality' })),
    hotplug: Type.Boolean({ description: 'CONFIG_MEMORY_HOTPLUG' }),
    blockSize: Nullable(Hex('of a memory block, bytes')),
    autoOnline: Nullable(Type.String({ description: 'auto_online_blocks' })),
    memoryProbe: Type.Boolean({ description: 'ARCH_MEMORY_PROBE' }),
    demotion: Nullable(Type.Boolean({ description: 'cold pages move to slower tiers' })),
    module: Module,
    ways: Type.Array(
      Type.Object(
        {
          module: Type.Enum(['dax', 'device_dax', 'kmem', 'dax_hmem']),
          state: Type.Enum(['loaded', 'available', 'absent']),
        },
        closed,
      ),
      { description: "the kernel's own ways to add such memory" },
    ),
  },
  closed,
);

const Pair = Type.Object({ from: Node, to: Node, distance: Type.Integer() }, closed);

const Numa = Type.Object(
  {
    possible: Type.Array(Node),
    online: Type.Array(Node),
    nodes: Type.Array(ref(NodeView)),
    firmware: Nullable(Type.Array(Pair, { description: 'distances that the device tree gives' })),
    differ: Type.Array(
      Type.Object(
        { from: Node, to: Node, firmware: Type.Integer(), kernel: Type.Integer() },
        closed,
      ),
      { description: 'where the kernel shows another distance than the firmware' },
    ),
  },
  closed,
);

export const Advice = Type.Object(
  {
    level: Type.Enum(['missing', 'warning', 'note']),
    about: Type.String({ description: 'stable; programs match on it' }),
    text: Type.String({ description: 'one sentence: what is so and what to do' }),
  },
  closed,
);
export type Advice = Static<typeof Advice>;

export const VERDICTS = ['usable', 'in part', 'not'] as const;
export type Verdict = (typeof VERDICTS)[number];

export const Brick = named('Brick', 'What this brick has and what it lacks', {
  brick: Nullable(Type.String()),
  source: Type.Enum(['agent', 'direct'], { description: 'who looked at the registers' }),
  node: Type.Integer({ minimum: 0, maximum: 1023, description: 'that remote memory joins' }),
  verdict: Type.Enum(VERDICTS),
  modes: Type.Object({ systemRam: Type.Boolean(), device: Type.Boolean() }, closed),
  devices: Type.Array(Device),
  registers: Nullable(Registers),
  /** Set where registers or pool are null. */
  lacks: Type.Object({ registers: Type.Optional(Lack), pool: Type.Optional(Lack) }, closed),
  pool: Nullable(
    Type.Object(
      {
        at: Type.String({ description: 'PCI address, path, or "remote": translated to' }),
        start: Nullable(Hex('base of its BAR')),
        size: Hex('bytes'),
      },
      closed,
    ),
  ),
  kernel: Kernel,
  numa: Numa,
  advice: Type.Array(Advice),
});
export type Brick = Static<typeof Brick>;
export type Kernel = Brick['kernel'];
export type Numa = Brick['numa'];
export type Registers = NonNullable<Brick['registers']>;
export type Pool = NonNullable<Brick['pool']>;
export type Device = Brick['devices'][number];
export type Lack = Static<typeof Lack>;
