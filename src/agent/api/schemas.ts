/**
 * What the agent's API takes and gives: the one source of validation, static types and OpenAPI.
 * A route compiles only if what the core (../types.ts) gives fits the schema of its answer.
 */
import { Type, type Static } from 'typebox';
import { ID_EXPECTED, ID_PATTERN } from '../attachment-id.js';
import { ATTACHMENT_MODES, ATTACHMENT_STATES } from '../types.js';
import { closed, Hex, Milliseconds, named, ref } from '../../common/server/forms.js';

const Id = Type.String({
  pattern: ID_PATTERN,
  expected: ID_EXPECTED,
});
const Node = Type.Integer({ minimum: 0, maximum: 1023, description: 'NUMA node' });
const Port = Type.Integer({ minimum: 0, maximum: 511 });

export const AttachBody = Type.Object(
  {
    id: Type.Optional(Id),
    mode: Type.Optional(Type.Enum(ATTACHMENT_MODES, { default: 'system-ram' })),
    size: Hex('bytes; a multiple of the granule, for system-ram also of the memory block'),
    node: Type.Optional({ ...Node, description: 'mode system-ram: node that it joins' }),
    shared: Type.Optional(Type.Boolean({ description: 'mode device: from a shared share' })),
    start: Type.Optional(Hex('local physical address; default: first fit in the window')),
    memport: Type.Optional({ ...Port, description: 'default: the lowest that is free' }),
    remote: Type.Optional(Hex('offset in the pool; default: first fit in the shares')),
    retain: Type.Optional(Type.Boolean({ description: 'keep the bytes at detach' })),
    outId: Type.Optional(Hex('network id out; default: the lowest transceiver that is up')),
    inId: Type.Optional(Hex('network id in; default 0x0')),
  },
  closed,
);
export type AttachBody = Static<typeof AttachBody>;

export const DetachQuery = Type.Object(
  {
    retain: Type.Optional(Type.Boolean({ description: 'overrides what the attachment says' })),
    offlineTimeoutMs: Type.Optional(
      Milliseconds('for all blocks together; default: as configured'),
    ),
    override: Type.Optional(Type.Boolean({ description: 'act on what another owner attached' })),
  },
  closed,
);

export const Attachment = named('Attachment', 'Remote memory in use by this brick', {
  id: Id,
  mode: Type.Enum(ATTACHMENT_MODES),
  state: Type.Enum(ATTACHMENT_STATES),
  size: Hex('bytes'),
  start: Hex('first local physical address'),
  end: Hex('last local physical address'),
  remote: Hex('offset in the pool'),
  shared: Type.Boolean(),
  retain: Type.Boolean({ description: 'the bytes are kept at detach' }),
  memport: Port,
  node: Type.Integer({ minimum: -1, maximum: 1023, description: 'NUMA node; -1: mode device' }),
  outId: Hex('network id out'),
  inId: Hex('network id in'),
  owner: Type.String({ description: '"local" or the name of a controller' }),
  link: Type.Optional(
    Type.Enum(['up', 'down'], { description: 'of the transceiver that it goes over' }),
  ),
  waits: Type.Optional(
    Type.Enum(['controller', 'restore'], {
      description: 'nothing of it is in use since the last boot, until this comes; see `error`',
    }),
  ),
  steps: Type.Array(Type.Object({ step: Type.String(), ms: Type.Number({ minimum: 0 }) }, closed), {
    description: 'in the order in which they were done, both directions',
  }),
  blocks: Type.Optional(
    Type.Array(Type.Integer({ minimum: 0 }), { description: 'memory blocks of the kernel' }),
  ),
  device: Type.Optional(
    Type.Object(
      { path: Type.String(), offset: Hex('bytes'), size: Hex('bytes') },
      { ...closed, description: 'where a program maps it: mmap(path, offset, size)' },
    ),
  ),
  error: Type.Optional(
    Type.Object(
      {
        code: Type.String(),
        message: Type.String(),
        details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
      },
      { ...closed, description: 'why it failed, or why the last detach was refused' },
    ),
  ),
});
export type Attachment = Static<typeof Attachment>;
export const Attachments = Type.Object({ attachments: Type.Array(ref(Attachment)) }, closed);

export const MemportBody = Type.Object(
  {
    start: Hex('first local physical address'),
    size: Hex('bytes'),
    remote: Hex('address in the space that outId names'),
    outId: Type.Optional(Hex('network id out; default 0x0')),
    inId: Type.Optional(Hex('network id in; default 0x0')),
  },
  closed,
);

export const OverrideQuery = Type.Object(
  {
    override: Type.Optional(
      Type.Boolean({ description: 'act on a memport that is foreign or of an attachment' }),
    ),
  },
  closed,
);

export const Memport = named('Memport', 'An entry of the Remote Memory Segment Table', {
  port: Port,
  set: Type.Boolean(),
  status: Type.Integer({ minimum: 0, description: 'STATUS register' }),
  statusName: Type.String(),
  start: Hex('first local physical address'),
  end: Hex('last local physical address'),
  remote: Type.Optional(
    Hex('remote address of the first byte; absent where the registers name none'),
  ),
  outId: Hex('network id out'),
  inId: Hex('network id in'),
  faults: Hex('how often an access through it failed'),
  owner: Type.Enum(['none', 'attachment', 'manual', 'foreign']),
  by: Type.Optional(
    Type.String({ description: '"local" or a controller; absent: free or foreign' }),
  ),
  attachment: Type.Optional(Id),
});
export type Memport = Static<typeof Memport>;
export const Memports = Type.Object({ memports: Type.Array(ref(Memport)) }, closed);

export const Transceiver = named('Transceiver', 'A link of this brick to the network', {
  transceiver: Type.Integer({ minimum: 0, maximum: 15 }),
  up: Type.Boolean(),
  downs: Hex('how often it went down'),
  memports: Type.Array(Port, { description: 'memports that are set and go over it' }),
  attachments: Type.Array(Id, { description: 'those that go over it' }),
});
export type Transceiver = Static<typeof Transceiver>;
export const Transceivers = Type.Object({ transceivers: Type.Array(ref(Transceiver)) }, closed);

const Distance = Type.Object(
  { node: Node, distance: Type.Integer({ minimum: 0, maximum: 255 }) },
  closed,
);

export const NodeView = named('Node', 'A NUMA node', {
  node: Node,
  online: Type.Boolean(),
  distances: Type.Array(Distance, { description: 'from this node to the online ones' }),
  totalBytes: Hex('bytes'),
  freeBytes: Hex('bytes'),
  tier: Type.Optional(Type.Integer({ description: 'N of memory_tierN; lower is faster' })),
  cpus: Type.Boolean(),
});
export type NodeView = Static<typeof NodeView>;

const Region = Type.Object(
  {
    start: Hex('first address'),
    end: Hex('last address'),
    state: Type.Enum(['absent', 'ram', 'device', 'hmem']),
    node: Type.Integer({ minimum: -1 }),
    mapped: Type.Integer({ minimum: 0, description: 'live mappings' }),
  },
  closed,
);

export const ModuleView = named('Module', 'The kernel module sdmc_mem', {
  state: Type.Enum(['ok', 'none', 'missing', 'wrong', 'window-differs', 'no-window'], {
    description: '"none": this brick is a plain process',
  }),
  advice: Type.Optional(Type.String({ description: 'what to do, where the state is not ok' })),
  version: Type.Optional(Type.String()),
  window: Type.Optional(Type.Object({ start: Hex('address'), size: Hex('bytes') }, closed)),
  regions: Type.Array(Region),
});

export const Memory = named('Memory', 'The memory of this brick and what of it is remote', {
  blockSize: Type.Optional(Hex("of the kernel's memory blocks, bytes")),
  autoOnline: Type.Optional(Type.String({ description: 'auto_online_blocks' })),
  possibleNodes: Type.Array(Node),
  nodes: Type.Array(ref(NodeView)),
  module: ref(ModuleView),
  attachedBytes: Hex('bytes attached now'),
  shares: Type.Array(
    Type.Object(
      {
        start: Hex('offset in the pool'),
        size: Hex('bytes'),
        shared: Type.Boolean(),
        usedBytes: Hex('bytes'),
      },
      closed,
    ),
  ),
});
export type Memory = Static<typeof Memory>;

export const Health = named('Health', 'The agent answers', {
  status: Type.Literal('ok', { description: 'as long as it answers, whatever `problems` says' }),
  brick: Type.String(),
  pid: Type.Integer({ minimum: 1 }),
  problems: Type.Array(
    Type.Object(
      {
        about: Type.Enum(['journal', 'link', 'attachment'], {
          description: 'stable; programs match on it',
        }),
        text: Type.String({ description: 'one sentence: what is so' }),
      },
      closed,
    ),
    { description: 'what somebody should look at' },
  ),
});
export type Health = Static<typeof Health>;

export const IdParams = Type.Object({ id: Id }, closed);
export const PortParams = Type.Object({ port: Port }, closed);
export const TransceiverParams = Type.Object(
  { transceiver: Type.Integer({ minimum: 0, maximum: 15 }) },
  closed,
);
