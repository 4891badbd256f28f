import { hex } from '../abi/numbers.js';

/** A type as it looks in JSON: every bigint is a "0x…" string. */
export type Json<T> = T extends bigint
  ? string
  : T extends readonly (infer E)[]
    ? Json<E>[]
    : T extends object
      ? { [K in keyof T]: Json<T[K]> }
      : T;

/** A deep copy in which every bigint is a "0x…" string; undefined members are left out. */
export function toJson<T>(value: T): Json<T> {
  return convert(value) as Json<T>;
}

function convert(value: unknown): unknown {
  if (typeof value === 'bigint') return hex(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(convert);
  const members = value as Readonly<Record<string, unknown>>;
  const out: Record<string, unknown> = {};
  // plain objects all: a list of the entries of each would be made for every answer
  for (const key in members) {
    const member = members[key];
    if (member !== undefined) out[key] = convert(member);
  }
  return out;
}
