import { OFFSET_SIGN_BIT } from './constants.js';
import { checkU64, hex, inputError, U64_LIMIT } from './numbers.js';

/** Set in OFFSET: the magnitude is subtracted. */
export const OFFSET_SIGN = 1n << BigInt(OFFSET_SIGN_BIT);
const MAGNITUDE = OFFSET_SIGN - 1n;

/**
 * The OFFSET register that leads from `start` to `remote`. Zero is written without the sign.
 * @throws SDM_INPUT if an address does not fit 64 bits or they are 2^63 bytes or more apart: the
 * magnitude has 63 bits.
 */
export function encodeOffset(start: bigint, remote: bigint): bigint {
  checkU64('start', start);
  checkU64('remote', remote);
  const distance = remote - start;
  const magnitude = distance < 0n ? -distance : distance;
  if (magnitude > MAGNITUDE) {
    throw inputError(
      `offset from start ${hex(start)} to remote ${hex(remote)}`,
      `a distance of ${hex(distance)}`,
      `at most ${hex(MAGNITUDE)} either way`,
    );
  }
  return distance < 0n ? OFFSET_SIGN | magnitude : magnitude;
}

/**
 * The remote address that `start` with the OFFSET register `offset` names; negative zero (bit 63
 * alone) is zero. START ± magnitude, or undefined where that leaves the 64-bit space: registers can hold anything,
 * and whoever lists them must not fail on a foreign one.
 */
export function remoteOf(start: bigint, offset: bigint): bigint | undefined {
  const magnitude = offset & MAGNITUDE;
  const remote = (offset & OFFSET_SIGN) === 0n ? start + magnitude : start - magnitude;
  return remote < 0n || remote >= U64_LIMIT ? undefined : remote;
}
