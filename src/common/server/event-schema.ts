/** The forms of `GET /v1/events`; each daemon adds the kinds that it has. */
import { Type, type TSchema } from 'typebox';
import { EVENT_ID_PATTERN } from './event-log.js';
import { closed } from './forms.js';

export const EventId = Type.String({
  pattern: EVENT_ID_PATTERN,
  expected: 'the id of an event, such as "1f2e3d4c-17"',
});

/** Head of every event, then what its kind has. */
export const event = <const K extends string, P extends Record<string, TSchema>>(
  kind: K,
  description: string,
  properties: P,
) =>
  Type.Object(
    {
      event: { ...EventId, description: 'id of the event' },
      time: Type.String({ format: 'date-time' }),
      kind: Type.Literal(kind),
      ...properties,
    },
    { ...closed, description },
  );

/** The one kind that all daemons have. */
export const GapEvent = event('gap', 'events are missing here: read the state again, then go on', {
  reason: Type.Enum(['restarted', 'dropped'], {
    description: 'the daemon was started again; or more happened than is kept',
  }),
});

export const EventsQuery = Type.Object(
  {
    after: Type.Optional({ ...EventId, description: 'only those after it; default: all kept' }),
    follow: Type.Optional(
      Type.Boolean({ default: true, description: 'false: end with the last one that is there' }),
    ),
  },
  closed,
);

/** What a browser's EventSource sends when it comes back; goes before `after`. */
export const EventsHeaders = Type.Object({
  'last-event-id': Type.Optional({ ...EventId, description: 'as `after`, and goes before it' }),
});
