import { SdmError } from '../common/errors.js';

export const DEFAULT_RACK = 'r0';
/** Beyond it the names of sockets and hosts would no longer fit, and no PC has the memory. */
export const MAX_BRICKS = 16;

/**
 * A name becomes part of paths, host names and QEMU options, so it is kept dull. It holds no dot,
 * which leaves `NAME.lock` and `NAME.logs` free for us.
 */
const RACK_NAME = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/;

/**
 * Checks the name of a rack and gives it back.
 * @throws SdmError SDM_INPUT.
 */
export function checkRackName(name: string): string {
  if (!RACK_NAME.test(name)) {
    throw new SdmError(
      'SDM_INPUT',
      `rack name ${JSON.stringify(name)} cannot be used: take 1 to 32 of a-z, 0-9 and "-", ` +
        'with no "-" at either end',
      { details: { name } },
    );
  }
  return name;
}

/**
 * Checks how many bricks a rack is to have and gives it back.
 * @throws SdmError SDM_INPUT.
 */
export function checkBrickCount(bricks: number): number {
  if (!Number.isInteger(bricks) || bricks < 1 || bricks > MAX_BRICKS) {
    throw new SdmError(
      'SDM_INPUT',
      `a rack of ${bricks} bricks was asked for; it can have 1 to ${MAX_BRICKS}`,
      { details: { bricks } },
    );
  }
  return bricks;
}

/** Host name of a brick, counted from 1. */
export function brickName(rack: string, n: number): string {
  return `${rack}-brick${n}`;
}
