/** Platforms: what makes one, what one is. */
import { Type, type Static } from 'typebox';
import { closed, Hex, named, ref } from '../../../common/server/forms.js';
import { ATTACHMENT_STATES, PLATFORM_STATES } from '../../records.js';
import {
  Brick,
  Count,
  Failure,
  Mode,
  Moment,
  PathUtil,
  PlatformId,
  Policy,
  Size,
  Switch,
} from './common.js';

const Node = Type.Integer({ minimum: 0, maximum: 1023, description: 'NUMA node' });

/** What POST /v1/platforms and, as a question, plan and explain take. */
export const allocation = {
  cores: Type.Integer({ minimum: 1, maximum: 65_535, description: 'of one coherent island' }),
  memory: Type.Optional(Size('local as far as the brick has it, the rest remote')),
  localMemory: Type.Optional(Size('local memory; not with `memory`')),
  remoteMemory: Type.Optional(Size('remote memory, in whole segments; not with `memory`')),
  pathUtil: Type.Optional(PathUtil),
  policy: Type.Optional(Policy),
  name: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$',
      expected: '1 to 63 letters, digits, ".", "_" or "-", the first a letter or a digit',
      description: 'for people; need not be unique',
    }),
  ),
  brick: Type.Optional(Brick('the compute brick; default: the policy chooses')),
  mode: Type.Optional(Mode),
  node: Type.Optional(Node),
  leaseTtlMs: Type.Optional(
    Type.Integer({
      minimum: 1_000,
      maximum: 86_400_000,
      description: 'the platform is released unless its lease is kept alive, milliseconds',
    }),
  ),
};
export const AllocateBody = Type.Object(allocation, closed);
export type AllocateBody = Static<typeof AllocateBody>;

export const growth = {
  size: Size('remote memory to add, in whole segments'),
  pathUtil: Type.Optional(PathUtil),
  policy: Type.Optional(Policy),
  migrateOK: Type.Optional(
    Type.Boolean({ description: 'taken; nothing is migrated today, and `domigrate` says so' }),
  ),
};
export const GrowBody = Type.Object(growth, closed);
export type GrowBody = Static<typeof GrowBody>;

export const ShrinkQuery = Type.Object(
  {
    size: Type.Optional(Size('at least so much goes, in whole attachments; default: all')),
    attachment: Type.Optional(
      Type.String({
        pattern: '^p[0-9]{1,16}-[0-9]{1,10}$',
        expected: 'the id of an attachment, such as "p7-0"',
        description: 'this attachment goes; not with `size`',
      }),
    ),
  },
  closed,
);
export type ShrinkQuery = Static<typeof ShrinkQuery>;

const Port = Type.Integer({ minimum: 0, description: "of the switch's own numbering" });
const Hop = Type.Object({ switch: Switch('of the hop'), in: Port, out: Port }, closed);
const transceiver = (whose: string) =>
  Type.Integer({ minimum: 0, maximum: 15, description: `of the ${whose} brick` });

/** What a plan knows of an attachment, too. */
export const wiring = {
  memory: Brick('the memory brick'),
  first: Count('number of its first segment in the memory brick'),
  count: Type.Integer({ minimum: 1, description: 'segments' }),
  path: Type.Object(
    {
      id: Count('attachments of one pair of bricks may share a path'),
      computeTransceiver: transceiver('compute'),
      memoryTransceiver: transceiver('memory'),
      hops: Type.Array(Hop, { description: "from the compute brick's side" }),
    },
    closed,
  ),
  util: Type.Number({ minimum: 0, description: 'percent that its reservation takes of the path' }),
  reservation: Count('which command of the platform made it'),
  outId: Hex('network id'),
  mode: Mode,
  node: Type.Optional(Node),
  at: Type.Optional(
    Type.Object(
      {
        start: Hex('first local physical address'),
        node: Type.Integer({ minimum: -1, maximum: 1023 }),
        memport: Count('of the compute brick'),
      },
      { ...closed, description: 'where the agent put it' },
    ),
  ),
  error: Type.Optional(ref(Failure)),
  size: Hex('bytes'),
  remote: Hex('remote address of the first byte'),
};

export const Attachment = named('Attachment', 'Segments of one memory brick on one compute brick', {
  id: Type.String({ description: 'also at the agent and at the lender' }),
  state: Type.Enum(ATTACHMENT_STATES),
  ...wiring,
});

export const Platform = named('Platform', 'Cores, memory and paths that belong together', {
  id: PlatformId,
  name: Type.Optional(Type.String()),
  state: Type.Enum(PLATFORM_STATES),
  brick: Brick('the compute brick'),
  address: Type.Optional(Type.String({ description: 'of its agent' })),
  ip: Type.Optional(Type.String({ description: 'of the compute brick' })),
  island: Count('the coherent island that its cores are of'),
  cores: Type.Integer({ minimum: 1 }),
  localMemory: Hex('bytes'),
  remoteMemory: Hex('bytes of all attachments'),
  pathUtil: PathUtil,
  policy: Policy,
  mode: Mode,
  node: Type.Optional(Node),
  owner: Type.String({ description: 'who asked for it' }),
  created: Moment,
  lease: Type.Optional(
    Type.Object(
      { id: Type.String(), ttlMs: Type.Integer({ minimum: 1, description: 'milliseconds' }) },
      { ...closed, description: 'POST /v1/leases/{id}/keepalive keeps it' },
    ),
  ),
  next: Count('number of the next attachment'),
  nextReservation: Count('number of the next reservation'),
  attachments: Type.Array(ref(Attachment)),
  error: Type.Optional(ref(Failure)),
});

/** Of one answer: what takes longer to make keeps everybody waiting. */
export const PAGE_MAX = 1000;
export const PageQuery = Type.Object(
  {
    after: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'only platforms with greater ids: `next` of the page before',
      }),
    ),
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: PAGE_MAX,
        description: `at most so many; default ${PAGE_MAX}`,
      }),
    ),
  },
  closed,
);
export const Platforms = Type.Object(
  {
    platforms: Type.Array(ref(Platform), { description: 'in the order of their ids' }),
    next: Type.Optional(
      Type.Integer({ minimum: 1, description: 'there are more: ask again with it as `after`' }),
    ),
  },
  closed,
);
export const Released = Type.Object(
  { id: PlatformId, state: Type.Literal('released') },
  { ...closed, description: 'nothing of it is left but segments that wait for their scrub' },
);
export const Grown = Type.Object(
  {
    platform: ref(Platform),
    attached: Type.Array(Type.String(), { description: 'ids of the new attachments' }),
    domigrate: Type.Optional(
      Type.Literal(false, { description: 'there if migrateOK was given: nothing is migrated' }),
    ),
  },
  closed,
);
export const Shrunk = Type.Object(
  {
    platform: ref(Platform),
    detached: Type.Array(Type.String(), { description: 'ids of the attachments that are gone' }),
    freed: Hex('bytes'),
  },
  closed,
);
export const Totals = Type.Object(
  {
    cores: Count('of all compute bricks'),
    coresFree: Count('of all compute bricks'),
    coresFreeIsland: Count('the most that one platform can have: in one coherent island'),
    localMemory: Hex('bytes'),
    localMemoryFree: Hex('bytes'),
    segmentSize: Hex('bytes'),
    segments: Count('of all memory bricks'),
    segmentsFree: Count('can be reserved now'),
    segmentsDirty: Count('wait for their scrub'),
    segmentsQuarantined: Count('of bricks that are lost and not fenced'),
    platforms: Count('that are there'),
  },
  closed,
);
