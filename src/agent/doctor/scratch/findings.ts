import { hex, STATUS, statusName } from '../../../abi/codec.js';
import { note, ok, problem, warning, type Finding } from '../finding.js';
import type { Scratch } from './choose.js';

const where = ({ port, start, size, remote, outId }: Scratch): string =>
  `memport ${port}, ${hex(start)}-${hex(start + size - 1n)} to remote ${hex(remote)} over network id ${outId}`;

export function worked(scratch: Scratch): Finding {
  return ok('scratch', `${where(scratch)}: set, read back, cleared`);
}

export function notTried(why: string): Finding {
  return note('scratch', `no memport was set and cleared: ${why}`);
}

/** Why nothing was chosen: that is no fault of the registers. */
export function noneChosen(error: unknown): Finding {
  return notTried((error as Error).message);
}

/** What each refusal comes from, and what to do. */
const REFUSALS: Readonly<Record<number, readonly [cause: string, command: string]>> = {
  [STATUS.LINK]: [
    'the link of the transceiver that it goes over is down, and so would every attach be refused',
    'sdm-agent transceiver list',
  ],
  [STATUS.WINDOW]: [
    'the registers name another window than the pool BAR that was found',
    'sdm-agent probe --direct',
  ],
  [STATUS.REMOTE]: [
    'shares of the configuration reach beyond what the registers let through',
    'sdm-agent probe --direct',
  ],
  [STATUS.OVERLAP]: ['a memport that is set already leads there', 'sdm-agent memport list'],
  [STATUS.RESOURCES]: ['the logic has no room for one more mapping', 'sdm-agent memport list'],
  [STATUS.BUSY]: [
    'the logic did not answer in time: it is broken, or hangs',
    'sdm-agent memport list --all',
  ],
};

export function refused(scratch: Scratch, status: number): Finding {
  const [cause, command] = REFUSALS[status] ?? [
    'the device refuses what an attach would ask of it',
    'sdm-agent memport list --all',
  ];
  return problem(
    'scratch',
    `${where(scratch)}: refused with STATUS ${status} (${statusName(status)})`,
    cause,
    { mend: 'docs/memport-abi.md says what to do about each STATUS', command },
  );
}

/** It was set, and does not read as it was written. */
export function differs(scratch: Scratch, what: string): Finding {
  return problem(
    'scratch',
    `${where(scratch)}: ${what}`,
    'registers do not keep what is written to them, or somebody else writes there, too',
    { mend: 'find who else uses these registers', command: 'sdm-agent memport list --all' },
  );
}

/** The worst: it is set and stays so. */
export function leftSet(scratch: Scratch, why: string): Finding {
  return problem(
    'scratch',
    `${where(scratch)}: it could not be cleared (${why})`,
    'this memport stays set until somebody clears it; nobody uses where it leads',
    { command: `sdm-agent memport clear ${scratch.port} --override` },
  );
}

/** Whether it was set is not known, nor whether it will be. */
export function unanswered(scratch: Scratch, error: unknown): Finding {
  return problem(
    'scratch',
    `${where(scratch)}: ${(error as Error).message}`,
    'the agent hangs; should it get on, it may still set this memport, where nobody uses it',
    {
      mend: 'see what it is doing, then look for this memport and clear it',
      command: `sdm-agent memport list; sdm-agent memport clear ${scratch.port}`,
    },
  );
}

/** Somebody else was quicker, or the agent is going. */
const RACES = new Set([
  ...['SDM_MEMPORT_SET', 'SDM_MEMPORT_OWNED', 'SDM_MEMPORT_FOREIGN', 'SDM_RANGE_TAKEN'],
  ...['SDM_STOPPING'],
]);

export function failed(error: unknown, command: string): Finding {
  // The addon's errors are no SdmErrors, but have their codes.
  const { message, code: given } = error as Error & { readonly code?: unknown };
  const code = typeof given === 'string' ? given : 'SDM_INTERNAL';
  if (RACES.has(code)) {
    return warning('scratch', message, `something else was under way (${code})`, {
      mend: 'run this again',
      command: 'sdm-agent doctor',
    });
  }
  return problem('scratch', message, `no memport could be set and cleared (${code})`, { command });
}
