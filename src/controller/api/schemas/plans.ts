/** Questions before a command: plan and explain. */
import { Type, type Static } from 'typebox';
import { closed, Hex, named, ref } from '../../../common/server/forms.js';
import { Brick, Count, Switch } from './common.js';
import { allocation, growth, wiring } from './platforms.js';

/**
 * A platform as POST /v1/platforms takes it, or with `platform` a growth of one that is there. One
 * schema with everything optional: which keys go together is checked by `planRequest`, in words.
 */
export const PlanBody = Type.Object(
  {
    ...allocation,
    ...growth,
    cores: Type.Optional(allocation.cores),
    size: Type.Optional(growth.size),
    platform: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'grow this one; without it a new one',
      }),
    ),
  },
  closed,
);
export type PlanBody = Static<typeof PlanBody>;

const Pair = Type.Array(Count('port'), { minItems: 2, maxItems: 2 });

export const Plan = named('Plan', 'What a command would do', {
  brick: Brick('the compute brick'),
  island: Count('the coherent island that its cores are of'),
  cores: Count('none for a growth'),
  localMemory: Hex('bytes'),
  remoteMemory: Hex('bytes'),
  attachments: Type.Array(Type.Object(wiring, closed)),
  switches: Type.Object(
    {
      dBOXSwitchesConfigs: Type.Array(
        Type.Object(
          {
            switchId: Switch('of the pairs'),
            dRackId: Count('rack'),
            dBoxId: Type.Optional(Count('box; absent: a switch of the rack')),
            ports: Type.String({ description: 'as it goes to the dBMC' }),
            dBOXSwitchConfig: Type.Array(Pair),
          },
          closed,
        ),
      ),
    },
    { ...closed, description: "D4.4's switch configurations" },
  ),
  command: Type.Unknown({
    description: "D4.4's command to the agent; startA counts from 0: where is the agent's choice",
  }),
});

export const Refusal = named(
  'Refusal',
  'Which resource ran out, where, and what would have worked',
  {
    resource: Type.String(),
    where: Type.Unknown(),
    asked: Type.Unknown(),
    found: Type.Unknown(),
    message: Type.String(),
    nearest: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
);

export const Explanation = Type.Union([
  Type.Object({ fits: Type.Literal(true), plan: ref(Plan) }, closed),
  Type.Object({ fits: Type.Literal(false), refusal: ref(Refusal) }, closed),
]);
