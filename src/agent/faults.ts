/**
 * Places in a command where a crash is of interest. Tests end the agent there; in use nothing does.
 * A name such as "up.program.before", "attach.journalled"; FAULT_POINTS lists them all.
 */
export interface Faults {
  at(point: string): void | Promise<void>;
}

export const NO_FAULTS: Faults = { at() {} };
