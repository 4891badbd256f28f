/** What `GET /v1/events` of a tray tells. */
import { Type } from 'typebox';
import { event, GapEvent } from '../common/server/event-schema.js';
import { Pairs } from './api/forms.js';

const brick = { brick: Type.String({ description: 'rack.box.brick' }) };
const ports = { switch: Type.String(), ports: Pairs };

export const Event = Type.Union(
  [
    event('brick.plugged', 'a brick was put into its slot', brick),
    event('brick.unplugged', 'a brick was taken out of its slot', brick),
    event('brick.on', 'a brick was switched on', brick),
    event('brick.off', 'a brick was switched off, or lost its power', brick),
    event('ports.connected', 'pairs of ports were connected', ports),
    event('ports.disconnected', 'pairs of ports were taken apart', ports),
    event('faults.set', 'a test set what goes wrong', { count: Type.Integer() }),
    GapEvent,
  ],
  { $id: 'DbmcEvent', description: 'What happened on a tray' },
);
