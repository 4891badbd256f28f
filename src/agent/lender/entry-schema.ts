import { Type, type Static } from 'typebox';
import { closed, Hex } from '../../common/server/forms.js';

/** As in src/agent/journal/schema.ts: what is added later is optional. */
const Run = Type.Object(
  { first: Type.Integer({ minimum: 0 }), count: Type.Integer({ minimum: 1 }) },
  closed,
);

const GrantJson = Type.Object(
  {
    id: Type.String(),
    owner: Type.String(),
    runs: Type.Array(Run),
    shared: Type.Boolean(),
    region: Type.String(),
    borrower: Type.Optional(Type.String()),
  },
  closed,
);

const Begin = Type.Object(
  {
    kind: Type.Literal('begin'),
    identity: Type.Object(
      {
        brick: Type.String(),
        pool: Type.String(),
        base: Hex('remote address'),
        size: Hex('bytes'),
        segmentSize: Hex('bytes'),
      },
      closed,
    ),
    life: Type.String(),
  },
  closed,
);
export type BeginJson = Static<typeof Begin>;

const Epoch = Type.Object(
  { kind: Type.Literal('epoch'), epoch: Hex('term'), controller: Type.String() },
  closed,
);

/** By kind, so that a refusal names the member and not every kind that it could have been. */
export const ENTRY_SCHEMAS = {
  begin: Begin,
  epoch: Epoch,
  grant: Type.Object({ kind: Type.Literal('grant'), grant: GrantJson }, closed),
  drop: Type.Object(
    { kind: Type.Literal('drop'), id: Type.String(), retain: Type.Boolean() },
    closed,
  ),
  leaving: Type.Object(
    { kind: Type.Literal('leaving'), grant: GrantJson, left: Type.Array(Run) },
    closed,
  ),
  segments: Type.Object(
    {
      kind: Type.Literal('segments'),
      run: Run,
      state: Type.Enum(['clean', 'dirty', 'unknown', 'retained']),
      region: Type.Optional(Type.String()),
    },
    closed,
  ),
} as const;
