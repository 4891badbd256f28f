/** What `sdm-agent doctor --json` prints. Only types of it are needed to examine a brick. */
import { Type, type Static } from 'typebox';
import { closed, Nullable } from '../../common/server/forms.js';
import { AREAS, CHECKS, LEVELS, type CheckId } from './finding.js';

export const Finding = Type.Object(
  {
    id: Type.Enum(Object.keys(CHECKS) as CheckId[], { description: 'stable' }),
    area: Type.Enum(AREAS),
    level: Type.Enum(LEVELS, {
      description:
        'ok; note: good to know; warning: works, with a cost or a risk; problem: a part of the ' +
        'agent does not work',
    }),
    found: Type.String({ description: 'what is so' }),
    cause: Nullable(Type.String({ description: 'why that matters, or where it comes from' })),
    mend: Nullable(Type.String({ description: 'what to do, in words' })),
    command: Nullable(Type.String({ description: 'the same as a command of the shell, for root' })),
  },
  closed,
);
export type Finding = Static<typeof Finding>;

const Count = Type.Integer({ minimum: 0 });

/** What `sdm-agent doctor --json` prints. */
export const Report = Type.Object(
  {
    brick: Nullable(Type.String({ description: 'its name, where there is a configuration' })),
    config: Type.String({ description: 'path of the configuration' }),
    socket: Type.String(),
    agent: Type.Enum(['answers', 'none', 'denied', 'silent']),
    runner: Type.Object(
      {
        name: Type.String({ description: 'who runs the agent' }),
        uid: Type.Integer({ description: '-1: no such user' }),
        from: Type.Enum(['service', 'you'], { description: 'how that is known' }),
      },
      closed,
    ),
    counts: Type.Object({ ok: Count, note: Count, warning: Count, problem: Count }, closed),
    findings: Type.Array(Finding, { description: 'by area' }),
  },
  closed,
);
export type Report = Static<typeof Report>;
