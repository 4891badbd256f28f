/** Forms of values and requests that several routes share. */
import { Type } from 'typebox';
import { ATTACHMENT_MODES } from '../../../agent/types.js';
import { closed, named } from '../../../common/server/forms.js';
import {
  BRICK_ID_EXPECTED,
  BRICK_ID_PATTERN,
  SWITCH_ID_EXPECTED,
  SWITCH_ID_PATTERN,
} from '../../inventory/brick-id.js';

/** Bytes, as people or programs write them; answers have "0x…" only. */
export const Size = (description: string) =>
  Type.String({
    pattern: '^(0x[0-9a-fA-F]{1,16}|[0-9]{1,19}([kKmMgGtTpP]([iI]?[bB])?|[bB])?)$',
    description: `${description}; such as "0x40000000" or "1GiB"`,
    expected: 'a size such as "0x40000000" or "1GiB"',
  });

export const PlatformId = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'of a platform; never used again',
});
export const Brick = (description: string) =>
  Type.String({ pattern: BRICK_ID_PATTERN, expected: BRICK_ID_EXPECTED, description });
export const Switch = (description: string) =>
  Type.String({ pattern: SWITCH_ID_PATTERN, expected: SWITCH_ID_EXPECTED, description });
export const Tray = (description: string) =>
  Type.String({
    pattern: '^[0-9]{1,5}(\\.[0-9]{1,5}){0,2}$',
    expected: 'rack.box.tray, such as "0.2.1", or a rack, such as "0"',
    description,
  });
export const Mode = Type.Enum(ATTACHMENT_MODES, {
  description: 'how the compute brick uses remote memory; default: as the topology says',
});
export const PathUtil = Type.Integer({
  minimum: 0,
  maximum: 100,
  description: 'percent of each link and switch of the path that is kept for it; default 0',
});
/** Names are checked by the table of policies, which says what there is. */
export const Policy = Type.String({
  pattern: '^[a-z][a-z-]{0,30}$',
  expected: 'the name of a policy, such as "nearest"',
  description: 'where memory is looked for: nearest, spread, pack, same-box',
});
export const Moment = Type.String({ format: 'date-time' });
export const Count = (description: string) => Type.Integer({ minimum: 0, description });

export const Failure = named('Failure', 'Why a step failed', {
  code: Type.String(),
  message: Type.String(),
  details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

export const PlatformParams = Type.Object({ id: PlatformId }, closed);
export const BrickParams = Type.Object({ id: Brick('rack.box.brick') }, closed);
export const SwitchParams = Type.Object({ id: Switch('of a switch') }, closed);
export const TrayParams = Type.Object({ id: Tray('of a tray, or of a rack') }, closed);

/** Of a request that changes something; other headers are not looked at. */
export const KeyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: '^[\\x21-\\x7e]{1,128}$',
      expected: '1 to 128 printable characters without blanks',
      description: 'the same key and request again is answered as the first time, and done once',
    }),
  ),
});
