/** Whether links join ends that there are, each end once. */
import { closest } from '../../common/closest.js';
import { bricksOf, splitEnd, switchesOf } from './ends.js';
import type { Fault } from './fault.js';
import type { Topology } from './topology-schema.js';

/** Ports and transceivers together. */
export const MAX_ENDS = 1 << 24;
/** More names than these are not searched for one that is near. */
const MAX_NAMES = 2000;

interface Place {
  readonly what: string;
  readonly ends: number;
  readonly isBrick: boolean;
  /** Of its first end among all. */
  readonly first: number;
}

export function* linkFaults(topology: Topology): Generator<Fault> {
  const places = new Map<string, Place>();
  let total = 0;
  for (const { entry, path } of switchesOf(topology)) {
    const { id, ports } = entry;
    places.set(id, { what: `switch ${id}`, ends: ports, isBrick: false, first: total });
    total += ports;
    if (total > MAX_ENDS) {
      const expected = `at most ${MAX_ENDS} ports in all switches together`;
      yield { path: [...path, 'ports'], expected, found: ports };
      return;
    }
  }
  for (const { entry, id } of bricksOf(topology)) {
    places.set(id, { what: `brick ${id}`, ends: entry.transceivers, isBrick: true, first: total });
    total += entry.transceivers;
  }
  const used = new Uint8Array(total);
  for (const [i, link] of (topology.links ?? []).entries()) {
    let from: Place | undefined;
    for (const side of ['a', 'b'] as const) {
      const path = ['links', i, side];
      const found = link[side];
      const { id = '', end = -1 } = splitEnd(found) ?? {};
      const place = places.get(id);
      if (place === undefined) {
        yield { path, expected: unknownEnd(id, places), found };
        break;
      }
      const { what, ends, isBrick, first } = place;
      const name = isBrick ? 'transceiver' : 'port';
      if (end >= ends) {
        yield { path, expected: `a ${name} of ${what}, from 0 to ${ends - 1}`, found };
      } else if (used[first + end] === 1) {
        yield { path, expected: `a ${name} of ${what} that no other link has`, found };
      } else {
        used[first + end] = 1;
      }
      if (side === 'b' && from === place) {
        yield { path, expected: `another end than one of ${what}`, found };
      }
      from = place;
    }
  }
}

function unknownEnd(id: string, places: ReadonlyMap<string, Place>): string {
  const guess = places.size > MAX_NAMES ? undefined : closest(id, [...places.keys()]);
  const meant = guess === undefined ? '' : ` (is "${guess}" meant?)`;
  return `a brick or switch of this topology${meant}`;
}
