import { ERRORS, SdmError, type ErrorCode } from '../../common/errors.js';
import type { ErrorView } from '../types.js';

/** Name of the errno that the addon's rejection carries, such as "EBUSY". */
export function errnoOf(error: unknown): string | undefined {
  const name = (error as { errnoName?: unknown } | null)?.errnoName;
  return typeof name === 'string' ? name : undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The stable code of anything thrown; what has none is a defect. */
export function codeOf(error: unknown): ErrorCode {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && Object.hasOwn(ERRORS, code)
    ? (code as ErrorCode)
    : 'SDM_INTERNAL';
}

/** Any error in the form in which it is kept and answered. */
export function errorView(error: unknown): ErrorView {
  const details = error instanceof SdmError ? error.details : undefined;
  return {
    code: codeOf(error),
    message: messageOf(error),
    ...(details === undefined ? {} : { details }),
  };
}
