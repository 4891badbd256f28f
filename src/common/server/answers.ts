/** What every route may answer. */
import { Type, type TSchema } from 'typebox';
import { ERRORS, type ErrorCode } from '../errors.js';
import { named, ref } from './forms.js';

/** Every answer that is no success has this form. */
export const ErrorAnswer = named('Error', 'Why a request was refused or failed', {
  code: Type.Enum(Object.keys(ERRORS) as ErrorCode[], {
    description: 'stable; programs match on it',
  }),
  message: Type.String({ description: 'what was asked, what was found, what to do' }),
  details: Type.Optional(
    Type.Record(Type.String(), Type.Unknown(), {
      description: 'what a program needs; addresses are "0x…" strings',
    }),
  ),
});

/** Any route may refuse or fail; the form of the answer is always the same. */
export const failures = { '4xx': ref(ErrorAnswer), '5xx': ref(ErrorAnswer) } as const;

/** An answer's schema by status, the failures added. */
export const answers = <S extends Record<number, TSchema>>(success: S) => ({
  ...success,
  ...failures,
});
