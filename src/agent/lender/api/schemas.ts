/** What the lender's API takes and gives: validation, static types and OpenAPI come of it. */
import { Type, type Static } from 'typebox';
import { event, GapEvent } from '../../../common/server/event-schema.js';
import { closed, Hex, named, ref } from '../../../common/server/forms.js';
import { ID_EXPECTED, ID_PATTERN } from '../../attachment-id.js';
import { RANGES_MAX } from '../checks.js';
import { KEPT_STATES, SEGMENT_STATES } from '../types.js';

const Id = (description: string) =>
  Type.String({ pattern: ID_PATTERN, expected: ID_EXPECTED, description });
const Range = Type.Object({ start: Hex('remote address'), size: Hex('bytes') }, closed);
const Ranges = Type.Array(Range, {
  minItems: 1,
  maxItems: RANGES_MAX,
  description: 'whole segments of this lender, each named once',
});
const Failure = Type.Object(
  {
    code: Type.String(),
    message: Type.String(),
    details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  { ...closed, description: 'why the last scrub failed; it is tried again' },
);

export const IdParams = Type.Object({ id: Id('of the grant') }, closed);

export const GrantBody = Type.Object(
  {
    ranges: Ranges,
    shared: Type.Optional(
      Type.Boolean({ default: false, description: 'other grants that say so may overlap it' }),
    ),
    borrower: Type.Optional(
      Type.String({ minLength: 1, maxLength: 64, description: 'brick that uses it' }),
    ),
    region: Type.Optional(Id('what the bytes are called where they are retained; default: the id')),
    adopt: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'the borrower has it in use, and this lender lost its journal: taken as it is, also what is ' +
          'unknown, and not scrubbed before',
      }),
    ),
  },
  closed,
);
export type GrantBody = Static<typeof GrantBody>;

export const DropQuery = Type.Object(
  {
    retain: Type.Optional(
      Type.Boolean({ default: false, description: 'keep the bytes for the region of the grant' }),
    ),
    override: Type.Optional(Type.Boolean({ description: 'act on what another owner granted' })),
    start: Type.Optional(Hex('with `size`: only if this is all that the grant has')),
    size: Type.Optional(Hex('bytes from `start` on')),
  },
  closed,
);

export const ScrubBody = Type.Object(
  {
    ranges: Type.Optional(Ranges),
    region: Type.Optional(Id('all that is retained for it')),
    giveUp: Type.Optional(
      Type.Array(Type.Enum(KEPT_STATES), {
        maxItems: KEPT_STATES.length,
        description:
          'which bytes may go beside those that are dirty; default: none, and with `region` those ' +
          'that are retained. Others are refused, and then nothing is scrubbed',
      }),
    ),
  },
  { ...closed, description: 'either ranges or region' },
);
export type ScrubBody = Static<typeof ScrubBody>;

export const Grant = named('Grant', 'Segments in somebody’s use', {
  id: Id('of the grant'),
  ranges: Type.Array(Range),
  shared: Type.Boolean(),
  region: Type.String(),
  borrower: Type.Optional(Type.String()),
  owner: Type.String({ description: '"local" or the name of a controller' }),
  state: Type.Enum(['granted', 'leaving'], {
    description: 'leaving: it was dropped, and is not yet scrubbed',
  }),
  error: Type.Optional(Failure),
});
export type Grant = Static<typeof Grant>;

export const Grants = Type.Object({ grants: Type.Array(ref(Grant)) }, closed);

export const ScrubProof = named('ScrubProof', 'What shows that bytes are zero', {
  method: Type.Enum(['punch', 'fill'], {
    description: 'punch: their pages went back to the file system; fill: zeroes were written',
  }),
  holes: Type.Boolean({ description: 'the file system has no data there (SEEK_DATA)' }),
  zeroes: Type.Boolean({ description: 'every byte was read back as zero' }),
});

export const Scrubbed = named('Scrubbed', 'What became of bytes that were lent', {
  id: Type.Optional(Id('of the grant')),
  scrubbed: Hex('bytes that are zero now'),
  retained: Hex('bytes that are kept'),
  shared: Hex('bytes that other grants have still'),
  ms: Type.Number({ description: 'how long it took' }),
  ranges: Type.Array(Range, { description: 'what was scrubbed' }),
  proof: Type.Optional(ref(ScrubProof)),
});
export type Scrubbed = Static<typeof Scrubbed>;

const Count = Type.Integer({ minimum: 0 });

export const LenderState = named('Lender', 'A memory brick and its segments', {
  brick: Type.String(),
  role: Type.Literal('memory'),
  pool: Type.String({ description: '"file /path" or "device /path"' }),
  base: Hex('remote address of segment 0'),
  size: Hex('bytes'),
  segmentSize: Hex('bytes'),
  counts: Type.Object(
    {
      clean: Count,
      granted: Count,
      retained: Count,
      unknown: Count,
      dirty: Count,
      scrubbing: Count,
    },
    { ...closed, description: 'segments by state' },
  ),
  allocated: Type.Optional(Hex('bytes that the pool file has pages for, of this part')),
  segments: Type.Array(
    Type.Object(
      {
        first: Count,
        count: Type.Integer({ minimum: 1 }),
        start: Hex('remote address of the first'),
        size: Hex('bytes of all of them'),
        state: Type.Enum(SEGMENT_STATES),
        grants: Type.Array(Type.String()),
        region: Type.Optional(Type.String()),
        error: Type.Optional(Failure),
      },
      closed,
    ),
    { description: 'all of them in order; neighbours of which the same is true are one entry' },
  ),
});
export type LenderState = Static<typeof LenderState>;

export const LenderHealth = named('LenderHealth', 'The lender answers', {
  status: Type.Literal('ok', { description: 'as long as it answers, whatever `problems` says' }),
  brick: Type.String(),
  pid: Type.Integer({ minimum: 1 }),
  problems: Type.Array(
    Type.Object(
      {
        about: Type.Enum(['journal', 'scrub', 'unknown'], {
          description: 'stable; programs match on it',
        }),
        text: Type.String({ description: 'one sentence: what is so' }),
      },
      closed,
    ),
    { description: 'what somebody should look at' },
  ),
});

export const LenderEventSchema = Type.Union(
  [
    event('granted', 'a grant was made, or another controller took it over', {
      id: Type.String(),
      grant: ref(Grant),
    }),
    event('dropped', 'a grant has ended; a scrub follows unless it is retained', {
      id: Type.String(),
      owner: Type.String({ description: 'who dropped it' }),
      retained: Type.Boolean(),
    }),
    event('scrubbed', 'segments are proven to be zero', {
      range: Range,
      ms: Type.Number(),
      proof: ref(ScrubProof),
    }),
    event('scrub-failed', 'segments are not; it is tried again', {
      range: Range,
      error: Failure,
    }),
    event('stray', 'segments that nobody has hold data again: scrubbed before they are granted', {
      range: Range,
    }),
    event('epoch', 'a controller with a higher term took over', {
      epoch: Hex('its term'),
      controller: Type.String(),
    }),
    GapEvent,
  ],
  { $id: 'Event', description: 'the data of one event' },
);
