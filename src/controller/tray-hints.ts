import type { Rack } from './rack.js';
import { pairOf, type Pair } from './synthesizer/ports.js';
import type { Wires } from './synthesizer/wires.js';

type Places = Pick<Rack, 'index' | 'site' | 'topology'>;

/** Switches that a tray's daemon sets, or a rack's. */
export function switchesOf({ index, site, topology }: Places, tray: string): string[] {
  const dbmc =
    index.trays.get(tray)?.dbmc ?? topology.racks.find(({ id }) => String(id) === tray)?.dbmc;
  if (dbmc === undefined) return [];
  return [...site.switches.values()].filter(({ address }) => address === dbmc).map(({ id }) => id);
}

/** Bricks and switches of a tray; of a rack's daemon its switches. */
export function placesOf(places: Places, tray: string): Set<string> {
  return new Set([...(places.index.trays.get(tray)?.bricks ?? []), ...switchesOf(places, tray)]);
}

/**
 * Where an event of a tray says that something is not as it was known to be. Ports that are set as they
 * should be are the echo of a command of our own.
 */
export function placesOfEvent(
  places: Places,
  wires: Pick<Wires, 'used'>,
  tray: string,
  event: unknown,
): Set<string> {
  const { kind, brick, switch: name, ports } = event as Readonly<Record<string, unknown>>;
  const isSet = kind === 'ports.connected';
  if (typeof name === 'string' && (isSet || kind === 'ports.disconnected')) {
    const used = new Set(wires.used(name).map(({ pair }) => pair.join('-')));
    const isAsItShould = (pair: unknown): boolean =>
      isPair(pair) && used.has(keyOf(pair)) === isSet;
    return Array.isArray(ports) && ports.every(isAsItShould) ? new Set() : new Set([name]);
  }
  if (typeof brick === 'string') return new Set([brick]);
  return placesOf(places, tray);
}

const isPair = (pair: unknown): pair is Pair =>
  Array.isArray(pair) && pair.length === 2 && pair.every((port) => typeof port === 'number');
const keyOf = ([a, b]: Pair): string => pairOf({ switch: '', in: a, out: b }).join('-');
