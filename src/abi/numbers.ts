import { SdmError } from '../common/errors.js';

/** One more than the greatest value of a register. */
export const U64_LIMIT = 1n << 64n;

/** A 64-bit number as people and JSON see it: "0x…". */
export function hex(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/** SDM_INPUT for one value, with what was asked, found and expected in its details too. */
export function inputError(asked: string, found: string, expected: string): SdmError {
  return new SdmError('SDM_INPUT', `${asked}: found ${found}, expected ${expected}`, {
    details: { asked, found, expected },
  });
}

/** @throws SDM_INPUT if `value` does not fit an unsigned 64-bit register. */
export function checkU64(name: string, value: bigint): void {
  if (typeof value !== 'bigint' || value < 0n || value >= U64_LIMIT) {
    const found = typeof value === 'bigint' ? hex(value) : `${typeof value} ${String(value)}`;
    throw inputError(name, found, 'a bigint from 0x0 to 0xffffffffffffffff');
  }
}

/** @throws SDM_INPUT if `value` is not an integer in [0, limit). */
export function checkIndex(name: string, value: number, limit: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= limit) {
    throw inputError(name, String(value), `an integer from 0 to ${limit - 1}`);
  }
}
