import { SdmError } from '../../common/errors.js';
import type { Transaction } from './types.js';

/** Of a key, in UTF-16 units. */
export const MAX_KEY = 1_024;
/** Of a value, in UTF-16 units: below what etcd takes in one request (1.5 MiB). */
export const MAX_VALUE = 1 << 20;
export const MAX_TTL_MS = 2 ** 31 - 1;

/** Control characters; halves of a pair, which UTF-8 cannot say; what is above every key. */
const NOT_IN_KEY = /[\u0000-\u001f\u007f]|\p{Surrogate}|\u{10ffff}/u;
const NOT_IN_VALUE = /\0|\p{Surrogate}/u;

function refuse(message: string): never {
  throw new SdmError('SDM_INPUT', message);
}

/** For people: a key in a message, cut short. */
const shown = (key: string): string =>
  JSON.stringify(key.length > 60 ? `${key.slice(0, 60)}…` : key);

/** Keys and names of leases alike. @throws SDM_INPUT. */
export function checkKey(key: string, what = 'a key'): void {
  if (key.length === 0) refuse(`${what} of the store is empty`);
  if (key.length > MAX_KEY) {
    refuse(`${what} of the store has ${key.length} characters; ${MAX_KEY} are allowed`);
  }
  if (NOT_IN_KEY.test(key))
    refuse(`${what} of the store has characters that none may: ${shown(key)}`);
}

/** @throws SDM_INPUT for a key that is changed twice, or anything that the store would not keep. */
export function checkTransaction({ compare = [], put = [], delete: gone = [] }: Transaction): void {
  for (const { key, revision } of compare) {
    checkKey(key);
    if (!Number.isSafeInteger(revision) || revision < 0) {
      refuse(`${shown(key)} is compared with revision ${revision}, which is none`);
    }
  }
  const changed = new Set<string>();
  const change = (key: string): void => {
    checkKey(key);
    if (changed.has(key)) refuse(`${shown(key)} is changed twice in one transaction`);
    changed.add(key);
  };
  for (const { key, value, lease } of put) {
    change(key);
    if (value.length > MAX_VALUE) {
      refuse(`the value of ${shown(key)} has ${value.length} characters; ${MAX_VALUE} are allowed`);
    }
    if (NOT_IN_VALUE.test(value))
      refuse(`the value of ${shown(key)} is no text that UTF-8 can say`);
    if (lease !== undefined) checkKey(lease, 'a lease');
  }
  gone.forEach(change);
}

/** @throws SDM_INPUT. */
export function checkTtl(id: string, ttlMs: number): void {
  if (Number.isSafeInteger(ttlMs) && ttlMs >= 1 && ttlMs <= MAX_TTL_MS) return;
  refuse(`the time of lease ${shown(id)} is ${ttlMs}; give 1 to ${MAX_TTL_MS} ms`);
}
