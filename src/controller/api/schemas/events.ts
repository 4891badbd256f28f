/** What `GET /v1/events` of the controller tells. */
import { Type, type TSchema } from 'typebox';
import { event, GapEvent } from '../../../common/server/event-schema.js';
import { Hex, ref } from '../../../common/server/forms.js';
import { ATTACHMENT_STATES, PLATFORM_STATES } from '../../records.js';
import { LIVENESS, type ControllerEvent } from '../../views.js';
import { Brick, Count, Failure, PlatformId, Tray } from './common.js';
import { Platform } from './platforms.js';

const Ids = (description: string) => Type.Array(PlatformId, { description });

/** Each kind once: the compiler asks for those that are missing. */
const KINDS: Readonly<Record<ControllerEvent['kind'], TSchema>> = {
  platform: event('platform', 'a platform came to rest, changed, failed or was released', {
    id: PlatformId,
    state: Type.Enum([...PLATFORM_STATES, 'released'] as const),
    platform: ref(Platform),
  }),
  attachment: event('attachment', 'an attachment of a platform came to a state', {
    id: Type.String(),
    platform: PlatformId,
    state: Type.Enum(ATTACHMENT_STATES),
    error: Type.Optional(ref(Failure)),
  }),
  brick: event('brick', 'a brick came, went, or was drained', {
    id: Brick('rack.box.brick'),
    liveness: Type.Enum(LIVENESS),
    drained: Type.Boolean(),
  }),
  scrub: event('scrub', 'segments were scrubbed, or could not be', {
    memory: Brick('the memory brick'),
    first: Count('number of the first segment'),
    count: Count('segments'),
    clean: Type.Boolean({ description: 'they read zero' }),
  }),
  drift: event('drift', 'something differs from what should be', {
    where: Type.String(),
    what: Type.String(),
    done: Type.String({ description: 'repaired, reported or waiting' }),
  }),
  tray: event('tray', 'a tray told of a change', {
    id: Tray('of a tray, or of a rack'),
    event: Type.Unknown({ description: 'as the tray told it' }),
  }),
  lease: event('lease', 'a lease ended', {
    id: Type.String(),
    platform: PlatformId,
    expired: Type.Boolean({ description: 'nobody kept it; its platform is released' }),
  }),
  epoch: event('epoch', 'the controller began a term', { epoch: Hex('the term') }),
  reconciled: event('reconciled', 'what the controller found at its start is settled', {
    settled: Ids('had something under way, which is ended'),
    waiting: Ids('something of them does not answer yet'),
  }),
};

export const EVENT_ID = 'Event';
export const Event = Type.Union([...Object.values(KINDS), GapEvent], {
  $id: EVENT_ID,
  description: 'the data of one event',
});
