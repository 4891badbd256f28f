import { constants } from 'node:os';
import { SdmError } from '../../common/errors.js';

const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/**
 * The name of the error of a system call that node made, such as "EBUSY". By its number: `code` is
 * "UNKNOWN" for those that libuv has no name for, ENOLINK among them.
 */
export function nodeErrno(error: unknown): string | undefined {
  const { errno, code } = error as NodeJS.ErrnoException;
  return (errno === undefined ? undefined : NAMES.get(-errno)) ?? code;
}

/** What the driver sdmc says when it is not there any more: its files are gone, or are nobody's. */
export function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENODEV', 'ENXIO'].includes(nodeErrno(error) ?? '');
}

/**
 * A system call that failed for a reason of its own.
 * @param what path and call, such as "/sys/…/set: write": node's message may have another path.
 */
export function systemError(what: string, cause: unknown): SdmError {
  const errnoName = nodeErrno(cause);
  return new SdmError('SDM_SYSTEM', `${what} failed with ${errnoName ?? String(cause)}`, {
    cause,
    ...(errnoName === undefined ? {} : { details: { errnoName } }),
  });
}
