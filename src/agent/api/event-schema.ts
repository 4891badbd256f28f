/** What `GET /v1/events` tells. */
import { Type, type Static } from 'typebox';
import { event, GapEvent } from '../../common/server/event-schema.js';
import { Hex, ref } from '../../common/server/forms.js';
import { Attachment } from './schemas.js';

const Ids = (description: string) => Type.Array(Type.String(), { description });

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
    GapEvent,
  ],
  { $id: 'Event', description: 'the data of one event' },
);
export type Event = Static<typeof Event>;
