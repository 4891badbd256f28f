import type { Topology } from './topology-schema.js';

/** Splits `dbesm-0-0/60`. @returns undefined where it is no such text. */
export function splitEnd(text: string): { readonly id: string; readonly end: number } | undefined {
  const slash = text.lastIndexOf('/');
  const end = Number(text.slice(slash + 1));
  return slash < 1 || !Number.isSafeInteger(end) ? undefined : { id: text.slice(0, slash), end };
}

/** Every switch of a topology with where it is, the outermost first. */
export function* switchesOf(topology: Topology): Generator<{
  readonly entry: NonNullable<Topology['switches']>[number];
  readonly path: readonly (string | number)[];
  readonly rack?: Topology['racks'][number];
  readonly box?: Topology['racks'][number]['boxes'][number];
}> {
  for (const [i, entry] of (topology.switches ?? []).entries()) {
    yield { entry, path: ['switches', i] };
  }
  for (const [r, rack] of topology.racks.entries()) {
    for (const [i, entry] of (rack.switches ?? []).entries()) {
      yield { entry, path: ['racks', r, 'switches', i], rack };
    }
    for (const [b, box] of rack.boxes.entries()) {
      for (const [i, entry] of (box.switches ?? []).entries()) {
        yield { entry, path: ['racks', r, 'boxes', b, 'switches', i], rack, box };
      }
    }
  }
}

/** Every brick of a topology with where it is. */
export function* bricksOf(topology: Topology): Generator<{
  readonly entry: Topology['racks'][number]['boxes'][number]['trays'][number]['bricks'][number];
  readonly id: string;
  readonly path: readonly (string | number)[];
  readonly rack: Topology['racks'][number];
  readonly box: Topology['racks'][number]['boxes'][number];
  readonly tray: Topology['racks'][number]['boxes'][number]['trays'][number];
}> {
  for (const [r, rack] of topology.racks.entries()) {
    for (const [b, box] of rack.boxes.entries()) {
      for (const [t, tray] of box.trays.entries()) {
        for (const [i, entry] of tray.bricks.entries()) {
          const path = ['racks', r, 'boxes', b, 'trays', t, 'bricks', i];
          yield { entry, id: `${rack.id}.${box.id}.${entry.id}`, path, rack, box, tray };
        }
      }
    }
  }
}
