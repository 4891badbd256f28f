import { Type, type Static } from 'typebox';
import { closed, Hex } from '../../common/server/forms.js';
import { ATTACHMENT_MODES, ATTACHMENT_STATES, type StepName } from '../types.js';

/**
 * What an entry looks like in the file. No unknown member passes: an agent that does not know what
 * it means must not go on as if it were not there. A member that is added later is optional here, so
 * that files of before can still be read.
 */
const Request = Type.Object(
  {
    mode: Type.Enum(ATTACHMENT_MODES),
    size: Hex('bytes'),
    node: Type.Integer(),
    shared: Type.Boolean(),
    retain: Type.Boolean(),
    start: Type.Optional(Hex('local physical address')),
    memport: Type.Optional(Type.Integer({ minimum: 0 })),
    remote: Type.Optional(Hex('offset in the pool')),
    outId: Type.Optional(Hex('network id')),
    inId: Hex('network id'),
  },
  closed,
);

const Waits = Type.Optional(Type.Enum(['controller', 'restore']));

export const RecordJson = Type.Object(
  {
    id: Type.String(),
    owner: Type.String(),
    request: Request,
    start: Hex('local physical address'),
    remote: Hex('offset in the pool'),
    memport: Type.Integer({ minimum: 0 }),
    outId: Hex('network id'),
    blocks: Type.Optional(Type.Array(Type.Integer())),
    state: Type.Enum(ATTACHMENT_STATES),
    reached: Type.Integer({ minimum: 0 }),
    waits: Waits,
    touched: Type.Boolean(),
    retain: Type.Boolean(),
    device: Type.Optional(
      Type.Object({ path: Type.String(), offset: Hex('bytes'), size: Hex('bytes') }, closed),
    ),
    error: Type.Optional(
      Type.Object(
        {
          code: Type.String(),
          message: Type.String(),
          details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
        },
        closed,
      ),
    ),
    steps: Type.Array(
      Type.Object({ step: Type.Unsafe<StepName>(Type.String()), ms: Type.Number() }, closed),
    ),
  },
  closed,
);
export type RecordJson = Static<typeof RecordJson>;

const Held = Type.Object(
  {
    spec: Type.Object(
      {
        start: Hex('local physical address'),
        size: Hex('bytes'),
        remote: Hex('offset in the pool'),
        outId: Type.Optional(Hex('network id')),
        inId: Type.Optional(Hex('network id')),
      },
      closed,
    ),
    by: Type.String(),
    waits: Waits,
  },
  closed,
);
export type HeldJson = Static<typeof Held>;

/** One for all three: making a validator of it takes 10 ms. */
const OfAttachment = Type.Object(
  { kind: Type.Enum(['attach', 'detach', 'rest']), attachment: RecordJson },
  closed,
);

/** By kind, so that a refusal names the member and not every kind that it could have been. */
export const ENTRY_SCHEMAS = {
  attach: OfAttachment,
  detach: OfAttachment,
  rest: OfAttachment,
  at: Type.Object(
    {
      kind: Type.Literal('at'),
      id: Type.String(),
      direction: Type.Enum(['up', 'down']),
      stage: Type.String(),
    },
    closed,
  ),
  forget: Type.Object({ kind: Type.Literal('forget'), id: Type.String() }, closed),
  policy: Type.Object(
    { kind: Type.Literal('policy'), saved: Type.Union([Type.String(), Type.Null()]) },
    closed,
  ),
  memport: Type.Object(
    {
      kind: Type.Literal('memport'),
      port: Type.Integer({ minimum: 0 }),
      held: Type.Union([Type.Null(), Held]),
    },
    closed,
  ),
  epoch: Type.Object(
    { kind: Type.Literal('epoch'), epoch: Hex('term'), controller: Type.String() },
    closed,
  ),
  begin: Type.Object(
    {
      kind: Type.Literal('begin'),
      identity: Type.Object(
        { brick: Type.String(), registers: Type.String(), pool: Type.String() },
        closed,
      ),
      bootId: Type.String(),
    },
    closed,
  ),
} as const;

export type EntryKind = keyof typeof ENTRY_SCHEMAS;
export type EntryJson = { [K in EntryKind]: Static<(typeof ENTRY_SCHEMAS)[K]> }[EntryKind];
