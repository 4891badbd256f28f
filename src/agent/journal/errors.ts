import { dirname } from 'node:path';
import { SdmError } from '../../common/errors.js';
import { formatSize, hex, roughSize } from '../../common/units.js';
import type { Damage } from './lines.js';

const DOCS = 'docs/journal.md';

/** The state directory cannot be used at all. */
export function unusable(directory: string, error: unknown): SdmError {
  const { message } = error as NodeJS.ErrnoException;
  const errno = errnoOf(error);
  return new SdmError(
    'SDM_JOURNAL',
    `the state directory ${directory} cannot be used: ${message}. Make it one that the agent's user ` +
      'may read and write, with free space, or name another one as stateDir in the configuration',
    { details: { directory, ...(errno === undefined ? {} : { errno }) }, cause: error },
  );
}

/** The lock is held. */
export function inUse(directory: string, error: Error): SdmError {
  return new SdmError(
    'SDM_LOCKED',
    `another agent uses the state directory ${directory} (${error.message}). An agent needs one of ` +
      'its own: name another one as stateDir in the configuration',
    { details: { directory }, cause: error },
  );
}

/** What cannot be read must not be overwritten: nothing was changed. */
export function damaged(file: string, damage: Damage): SdmError {
  const { kind, line, offset, bytes, why } = damage;
  const details = { file, line, offset, bytes, reason: why };
  if (kind === 'version' || kind === 'unknown') {
    return new SdmError(
      'SDM_JOURNAL_CORRUPT',
      `${file}: line ${line} (byte ${offset}) ${why}. A newer agent may have written it: start that ` +
        `one again. Nothing was changed; ${DOCS} has the ways on`,
      { details },
    );
  }
  const lost =
    kind === 'header'
      ? `${file}: line 1 (byte 0) ${why}. What an agent wrote there is lost`
      : `${file}: line ${line} (byte ${offset}) ${why}, though it was safely written`;
  return new SdmError(
    'SDM_JOURNAL_CORRUPT',
    `${lost}: what is attached may not be known any more. Nothing was changed. "sdm-agent journal ` +
      `show --state-dir ${dirname(file)}" prints what can be read; ${DOCS} has the ways on`,
    { details },
  );
}

/** An entry could not be written, so what it announces was not done. `free` in bytes. */
export function notWritten(file: string, error: unknown, free: bigint | undefined): SdmError {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  const what = code === undefined ? message : `${code} at ${syscall ?? 'write'}`;
  const room = free === undefined ? '' : `; ${roughSize(free)} free there`;
  return new SdmError(
    'SDM_JOURNAL',
    `the journal ${file} cannot be written (${what}${room}), so nothing was done. Mend or free the ` +
      'file system that it lies on, then repeat the command',
    {
      details: {
        file,
        ...(code === undefined ? {} : { errno: code }),
        ...(free === undefined ? {} : { free: hex(free) }),
      },
      cause: error,
    },
  );
}

/** The disk is full: its last room is for giving memory back. Sizes in bytes. */
export function onlyGivingBack(file: string, need: number, free: bigint | undefined): SdmError {
  const room =
    free === undefined ? '' : ` (${roughSize(free)} free, ${formatSize(BigInt(need))} needed)`;
  return new SdmError(
    'SDM_JOURNAL',
    `the file system of ${file} is full${room}, so nothing new is taken: detach still works. Free ` +
      'space there, then repeat the command',
    {
      details: {
        file,
        need: hex(BigInt(need)),
        ...(free === undefined ? {} : { free: hex(free) }),
      },
    },
  );
}

/** The journal was closed before the entry was handed in. */
export function closed(directory: string): SdmError {
  return new SdmError(
    'SDM_JOURNAL',
    `the journal in ${directory} is closed: the agent is stopping`,
    {
      details: { directory },
    },
  );
}

/** "ENOSPC" and its like, of Node's errors and of the addon's. */
function errnoOf(error: unknown): string | undefined {
  const { code, errnoName } = error as { code?: unknown; errnoName?: unknown };
  if (typeof errnoName === 'string') return errnoName;
  return typeof code === 'string' && !code.startsWith('SDM_') ? code : undefined;
}
