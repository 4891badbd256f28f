/** What `GET /v1/events` tells. */
import { Type, type Static, type TSchema } from 'typebox';
import { EVENT_ID_PATTERN } from '../observe/event-log.js';
import { closed, Hex, ref } from './forms.js';
import { Attachment } from './schemas.js';

const EventId = Type.String({
  pattern: EVENT_ID_PATTERN,
  expected: 'the id of an event, such as "1f2e3d4c-17"',
});
const Ids = (description: string) => Type.Array(Type.String(), { description });

/** Head of every event, then what its kind has. */
const event = <const K extends string, P extends Record<string, TSchema>>(
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

export const Event = Type.Union(
  [
    event('attachment', 'an attachment came to rest, was freed, failed or began to wait', {
      id: Type.String({ description: 'of the attachment' }),
      state: Attachment.properties.state,
      attachment: ref(Attachment),
    }),
    event('link', 'a link went down or came up; or both since the last look: downs rose', {
      transceiver: Type.Integer({ minimum: 0, maximum: 15 }),
      up: Type.Boolean(),
      downs: Hex('how often it went down'),
      attachments: Ids('those that go over it'),
    }),
    event('memport', 'a memport was set or cleared by hand', {
      port: Type.Integer({ minimum: 0, maximum: 511 }),
      set: Type.Boolean(),
      by: Type.String({ description: '"local" or a controller' }),
    }),
    event('epoch', 'a controller with a higher term took over', {
      epoch: Hex('its term'),
      controller: Type.String(),
    }),
    event('reconciled', 'what the agent found at its start, and did about it', {
      rebooted: Type.Boolean({ description: 'the machine booted since the last run' }),
      kept: Ids('in use as before'),
      restored: Ids('attached again after the boot'),
      undone: Ids('given back: their command was interrupted'),
      waiting: Ids('not in use, see `waits`'),
      failed: Ids('see `error`'),
      foreign: Type.Array(Type.Integer({ minimum: 0 }), { description: 'memports of nobody' }),
    }),
    event('gap', 'events are missing here: read the state again, then go on', {
      reason: Type.Enum(['restarted', 'dropped'], {
        description: 'the agent was started again; or more happened than is kept',
      }),
    }),
  ],
  { $id: 'Event', description: 'the data of one event' },
);
export type Event = Static<typeof Event>;
export const EventRef = Type.Unsafe<Event>({ $ref: 'Event#' });

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
