import { SdmError } from '../../common/errors.js';
import { OFFSET_SIGN } from '../offset.js';
import { NUMBER_LIMIT } from './limits.js';
import type { Literal } from './parser.js';
import { quote } from './text.js';

/** A hex string: the original's senders leave 0x out. */
const HEX = /^(?:0x)?[0-9a-f]{1,16}$/i;
const NUMBER_TEXT = `${NUMBER_LIMIT} (2^53 - 1)`;
const EXPECTED = `a whole number up to ${NUMBER_TEXT}, or a string of up to 16 hex digits with or without 0x`;

/** SDM_INPUT for a value, with its key such as `segments[0].startA`. */
export function valueError(key: string, expected: string, found: string): SdmError {
  return new SdmError('SDM_INPUT', `${key}: expected ${expected}, found ${found}`, {
    details: { key, expected, found },
  });
}

/** A value for a message, cut where it is long. */
export function describe(value: Literal | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (typeof value === 'string') return quote(value);
  if (typeof value !== 'object') return String(value);
  return Array.isArray(value) ? 'a list' : 'a dictionary';
}

/**
 * A 64-bit address or id: a decimal number up to 2^53 - 1, or a hex string.
 * @throws SDM_INPUT naming `key`.
 */
export function readAddress(key: string, value: Literal | undefined): bigint {
  if (typeof value === 'bigint' && value >= 0n) {
    checkExact(key, value);
    return value;
  }
  if (typeof value === 'string' && HEX.test(value)) return fromHex(value);
  throw valueError(key, EXPECTED, describe(value));
}

/**
 * An offset as OFFSET holds it: sign and magnitude, bit 63 set subtracts. A negative number, or a
 * hex string with a minus before it, subtracts as well.
 * @throws SDM_INPUT naming `key`.
 */
export function readOffset(key: string, value: Literal | undefined): bigint {
  if (typeof value === 'bigint') {
    checkExact(key, value);
    return value < 0n ? OFFSET_SIGN | -value : value;
  }
  if (typeof value === 'string' && HEX.test(value)) return fromHex(value);
  const magnitude = typeof value === 'string' && value.startsWith('-') ? value.slice(1) : '';
  if (HEX.test(magnitude) && fromHex(magnitude) < OFFSET_SIGN) {
    return fromHex(magnitude) === 0n ? 0n : OFFSET_SIGN | fromHex(magnitude);
  }
  throw valueError(key, `${EXPECTED}; a minus or bit 63 subtracts`, describe(value));
}

/** Where JSON's readers differ, a number is not what it seems: such ones come as hex strings. */
function checkExact(key: string, value: bigint): void {
  if (value <= NUMBER_LIMIT && value >= -NUMBER_LIMIT) return;
  throw valueError(
    key,
    `a whole number up to ${NUMBER_TEXT}: give a larger one as a hex string`,
    String(value),
  );
}

function fromHex(text: string): bigint {
  return BigInt(/^0x/i.test(text) ? text : `0x${text}`);
}
