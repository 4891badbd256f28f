import { SdmError } from './errors.js';

export { hex } from '../abi/numbers.js';

/** Binary units only: memory is never sold in powers of ten here. */
const UNITS = ['', 'K', 'M', 'G', 'T', 'P'] as const;
const SIZE = /^([0-9]+)(?:([KMGTP])(?:iB)?|B)?$/i;
const HEX = /^0x[0-9a-fA-F]{1,16}$/;
const MAX_U64 = (1n << 64n) - 1n;

/** What an address or a size looks like in JSON; schemas use it too. */
export const HEX_PATTERN = '^0x[0-9a-fA-F]{1,16}$';
export const HEX_EXPECTED = 'a string of "0x" and up to 16 hex digits';

/** Refuses `text`; details.expected is for callers that name the value themselves. */
function refuse(text: string, what: string, expected: string): SdmError {
  return new SdmError('SDM_INPUT', `${what} is "${text}"; expected ${expected}`, {
    details: { value: text, expected },
  });
}

/**
 * Reads a size that a person typed: `1G`, `256MiB`, `4096`, `0x10000000`. K, M, G, T and P are binary.
 * @returns bytes.
 * @throws SdmError SDM_INPUT, naming `what`.
 */
export function parseSize(text: string, what = 'size'): bigint {
  const trimmed = text.trim();
  if (HEX.test(trimmed)) return BigInt(trimmed);
  const match = SIZE.exec(trimmed);
  if (match === null) {
    throw refuse(
      text,
      what,
      'a number of bytes such as 1G, 256MiB, 4096 or 0x10000000 (K, M, G, T and P are powers of 1024)',
    );
  }
  const unit = (match[2] ?? '').toUpperCase() as (typeof UNITS)[number];
  const size = BigInt(match[1] ?? '') << (10n * BigInt(UNITS.indexOf(unit)));
  if (size > MAX_U64) throw refuse(text, what, 'at most what 64 bits hold');
  return size;
}

/**
 * Reads an address or a size in the form that JSON carries: `0x…`, at most 16 hex digits.
 * @throws SdmError SDM_INPUT, naming `what`.
 */
export function parseHex(text: string, what = 'address'): bigint {
  if (!HEX.test(text)) throw refuse(text, what, '0x and up to 16 hex digits, such as 0x8010000000');
  return BigInt(text);
}

/** A size for people: the largest unit in which it is a whole number, such as `1536 MiB`. Exact. */
export function formatSize(bytes: bigint): string {
  let unit = 0;
  let value = bytes;
  while (value !== 0n && value % 1024n === 0n && unit < UNITS.length - 1) {
    value /= 1024n;
    unit += 1;
  }
  return unit === 0 ? `${value} B` : `${value} ${UNITS[unit]}iB`;
}

/** A size for people that nobody computes with, such as free memory: `10.8 GiB`. Rounded down. */
export function roughSize(bytes: bigint): string {
  let unit = 0;
  while (unit < UNITS.length - 1 && bytes >> BigInt(10 * (unit + 1)) > 0n) unit += 1;
  if (unit === 0) return `${bytes} B`;
  const tenths = (bytes * 10n) >> BigInt(10 * unit);
  const fraction = tenths % 10n === 0n ? '' : `.${tenths % 10n}`;
  return `${tenths / 10n}${fraction} ${UNITS[unit]}iB`;
}

/**
 * Reads a whole number in decimal, within [min, max].
 * @throws SdmError SDM_INPUT, naming `what`.
 */
export function parseInteger(
  text: string,
  what: string,
  min = 0,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  const value = /^-?[0-9]{1,17}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw refuse(text, what, `a whole number from ${min} to ${max}`);
  }
  return value;
}
