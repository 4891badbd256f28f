import { STATUS, type StatusName } from './constants.js';

const NAMES = new Map<number, Lowercase<StatusName>>(
  (Object.entries(STATUS) as [StatusName, number][]).map(([name, code]) => [
    code,
    name.toLowerCase() as Lowercase<StatusName>,
  ]),
);

/** 'inactive', 'active', 'busy', 'range', …; 'unknown-N' for a code of a later version. */
export function statusName(code: number): string {
  return NAMES.get(code) ?? `unknown-${code}`;
}

const MEANING: Readonly<Record<Lowercase<StatusName>, string>> = {
  inactive: 'the memport maps nothing',
  active: 'every CPU sees the mapping',
  busy: 'the device is still working on the last write to SET',
  range: 'END lies before START, or the local or the remote range leaves the 64-bit space',
  window: 'the local range is not inside the window',
  overlap:
    'the local range overlaps one of a memport that is set, or memory that the hypervisor granted',
  remote:
    'the remote range is not inside the remote space that the network id names, or this block ' +
    'cannot translate to it',
  alignment: 'START, END + 1 or the remote address is not a multiple of the granule',
  link: 'the link of the transceiver that the memport goes through is down',
  resources: 'the device has no more room for this mapping',
};

/** One sentence on what a STATUS code means, for messages. */
export function statusMeaning(code: number): string {
  const name = NAMES.get(code);
  return name === undefined
    ? `STATUS ${code} is not known to ABI version 1; the device may be newer than this program`
    : MEANING[name];
}
