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
 * START ± magnitude, or undefined where that leaves the 64-bit space: registers can hold anything,
 * and whoever lists them must not fail on a foreign one.
 */
export function remoteOf(start: bigint, offset: bigint): bigint | undefined {
  const magnitude = offset & MAGNITUDE;
  const remote = (offset & OFFSET_SIGN) === 0n ? start + magnitude : start - magnitude;
  return remote < 0n || remote >= U64_LIMIT ? undefined : remote;
}

/**
 * The remote address that `start` with the OFFSET register `offset` names. Negative zero (bit 63
 * alone) is zero.
 * @throws SDM_INPUT if a value does not fit 64 bits or the result leaves the 64-bit space.
 */
export function decodeRemote(start: bigint, offset: bigint): bigint {
  checkU64('start', start);
  checkU64('offset', offset);
  const remote = remoteOf(start, offset);
  if (remote === undefined) {
    const sign = (offset & OFFSET_SIGN) === 0n ? '+' : '-';
    throw inputError(
      `remote of start ${hex(start)} with offset ${hex(offset)}`,
      `${hex(start)} ${sign} ${hex(offset & MAGNITUDE)}`,
      'a result from 0x0 to 0xffffffffffffffff',
    );
  }
  return remote;
}
