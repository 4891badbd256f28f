import type { HopRecord } from '../records.js';
import type { SwitchSite } from './site.js';

/** Two ports of a switch, the lower one first: a connection has no direction. */
export type Pair = readonly [number, number];

export function pairOf({ in: a, out: b }: HopRecord): Pair {
  return a < b ? [a, b] : [b, a];
}

/** As a dBMC takes them: "[[13,14],[41,37]]". */
export function portsText(pairs: readonly Pair[]): string {
  return `[${pairs.map(([a, b]) => `[${a},${b}]`).join(',')}]`;
}

/** What a request to a dBMC says beside the ports. */
export function switchKey({ id, rack, box }: SwitchSite): Record<string, unknown> {
  return {
    ...(rack === undefined ? {} : { dRackId: rack }),
    ...(box === undefined ? {} : { dBoxId: box }),
    switchId: id,
  };
}
