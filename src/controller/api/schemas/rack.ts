/** Bricks, switches, trays, and what differs from what should be. */
import { Type, type Static } from 'typebox';
import { closed, Hex, named, Nullable, ref } from '../../../common/server/forms.js';
import { LIVENESS, SWITCH_LIVENESS } from '../../views.js';
import { Brick, Count, Moment, PlatformId, Switch, Tray } from './common.js';

const of = { total: Hex('bytes'), free: Hex('bytes') };

export const BrickView = named('Brick', 'A brick of the rack', {
  id: Brick('rack.box.brick'),
  type: Type.Enum(['compute', 'memory', 'accelerator']),
  address: Type.Optional(Type.String({ description: 'of its agent or lender' })),
  ip: Type.Optional(Type.String()),
  liveness: Type.Enum(LIVENESS, { description: 'inventory: it has no address to be asked at' }),
  drained: Type.Boolean({ description: 'nothing new goes there' }),
  cores: Type.Optional(Type.Object({ total: Count('cores'), free: Count('cores') }, closed)),
  localMemory: Type.Optional(Type.Object(of, closed)),
  segments: Type.Optional(
    Type.Object(
      {
        total: Count('segments'),
        free: Count('can be reserved now'),
        dirty: Count('wait for their scrub'),
        quarantined: Count('of a brick that is lost and not fenced'),
      },
      closed,
    ),
  ),
  transceivers: Count('transceivers'),
  platforms: Type.Array(PlatformId, { description: 'that have something of it' }),
});
export const Bricks = Type.Object({ bricks: Type.Array(ref(BrickView)) }, closed);

/** Nothing stands for an empty one. */
export const FenceBody = Nullable(
  Type.Object(
    {
      confirmed: Type.Optional(
        Type.Boolean({ description: 'somebody has seen that the brick is off' }),
      ),
    },
    closed,
  ),
);

export const SwitchView = named('Switch', 'A switch and what it connects', {
  id: Switch('unique in the rack'),
  kind: Type.Enum(['electrical', 'optical']),
  ports: Count('ports'),
  liveness: Type.Enum(SWITCH_LIVENESS, { description: 'lost: no new path goes over it' }),
  dbmc: Type.Optional(Type.String({ description: 'address of the dBMC that sets it' })),
  connections: Type.Array(
    Type.Object(
      {
        in: Count('port'),
        out: Count('port'),
        attachments: Type.Array(Type.String(), { description: 'that go through it' }),
      },
      closed,
    ),
  ),
});
export const Switches = Type.Object({ switches: Type.Array(ref(SwitchView)) }, closed);

export const TrayView = named('Tray', 'A tray, or the switches of a rack, that has registered', {
  id: Tray('rack.box.tray; of the switches of a rack: the rack'),
  address: Type.String({ description: 'of its dBMC' }),
  seen: Moment,
  bricks: Count('bricks'),
});
export const Trays = Type.Object({ trays: Type.Array(ref(TrayView)) }, closed);

const MANY = 1024;
const BRICK_TYPES = ['compute', 'memory', 'accelerator'] as const;
/** More keys are let through: a newer dBMC may say more than we ask for. */
const open = { additionalProperties: true } as const;

export const TrayBody = Type.Object(
  {
    id: Tray('rack.box.tray; of the switches of a rack: the rack'),
    address: Type.String({
      pattern: '^(unix:/|https?://)',
      maxLength: 512,
      expected: 'an address: "unix:/path", "http://127.0.0.1:8080" or "https://host:port"',
    }),
    role: Type.Optional(Type.Enum(['tray', 'rack'])),
    bricks: Type.Optional(
      Type.Array(
        Type.Object(
          { id: Brick('rack.box.brick'), type: Type.Optional(Type.Enum(BRICK_TYPES)) },
          open,
        ),
        { maxItems: MANY },
      ),
    ),
    switches: Type.Optional(
      Type.Array(Type.Object({ id: Switch('unique in the rack') }, open), { maxItems: MANY }),
    ),
  },
  open,
);
export type TrayBody = Static<typeof TrayBody>;

export const TrayEventsBody = Type.Object(
  {
    run: Type.Optional(Type.String({ maxLength: 64 })),
    events: Type.Array(
      Type.Object(
        { kind: Type.String({ minLength: 1, maxLength: 64 }) },
        { ...open, description: 'one change, such as kind "brick.plugged"' },
      ),
      { minItems: 1, maxItems: MANY },
    ),
  },
  open,
);
export const Accepted = Type.Object({ accepted: Count('events') }, closed);

export const Drift = Type.Object(
  {
    checked: Nullable(Moment),
    items: Type.Array(
      Type.Object(
        {
          where: Type.String(),
          what: Type.String(),
          since: Moment,
          done: Type.Enum(['repaired', 'reported', 'waiting'], {
            description: 'reported: not ours to touch; waiting: what it needs does not answer',
          }),
        },
        closed,
      ),
    ),
  },
  closed,
);

export const Health = named('Health', 'The controller answers', {
  status: Type.Literal('ok', { description: 'as long as it answers, whatever `problems` says' }),
  controller: Type.String({ description: 'its name' }),
  epoch: Hex('its term'),
  pid: Type.Integer({ minimum: 1 }),
  problems: Type.Array(Type.Object({ about: Type.String(), text: Type.String() }, closed), {
    description: 'what somebody should look at',
  }),
});

export const Kept = Type.Object({ id: Type.String(), kept: Type.Literal(true) }, closed);
export const LeaseParams = Type.Object(
  { id: Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$', expected: 'the id of a lease' }) },
  closed,
);
export const BackupBody = Type.Object(
  {
    path: Type.String({
      pattern: '^/[^\\x00]{1,1023}$',
      expected: 'an absolute path on the machine of the controller',
      description: 'where the copy goes; it must not exist',
    }),
  },
  closed,
);
export const BackedUp = Type.Object({ path: Type.String() }, closed);
