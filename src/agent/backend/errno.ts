import { SdmError } from '../../common/errors.js';

/** The name of a system call's error, such as "EBUSY". */
export function errnoOf(error: unknown): string | undefined {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : undefined;
}

/** What the driver sdmc says when it is not there any more: its files are gone, or are nobody's. */
export function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENODEV', 'ENXIO'].includes(errnoOf(error) ?? '');
}

/** A system call on a file of a device that failed for a reason of its own. */
export function systemError(what: string, cause: unknown): SdmError {
  const errnoName = errnoOf(cause);
  return new SdmError('SDM_SYSTEM', `${what}: ${(cause as Error).message}`, {
    cause,
    ...(errnoName === undefined ? {} : { details: { errnoName } }),
  });
}
