import type { TSchema } from 'typebox';
import { BadAnswer } from './routes/d44.js';
import { Failure } from './schemas/common.js';
import { Event } from './schemas/events.js';
import { Attachment, Platform } from './schemas/platforms.js';
import { Plan, Refusal } from './schemas/plans.js';
import { BrickView, Health, SwitchView, TrayView } from './schemas/rack.js';

/** Schemas that have a name in the OpenAPI document. */
export const COMPONENTS: readonly TSchema[] = [
  Failure,
  Platform,
  Attachment,
  Plan,
  Refusal,
  BrickView,
  SwitchView,
  TrayView,
  Health,
  Event,
  BadAnswer,
];
