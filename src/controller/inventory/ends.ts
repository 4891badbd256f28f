import type {
  BoxEntry,
  BrickEntry,
  RackEntry,
  SwitchEntry,
  Topology,
  TrayEntry,
} from './topology-schema.js';

/** Splits `dbesm-0-0/60`. @returns undefined where it is no such text. */
export function splitEnd(text: string): { readonly id: string; readonly end: number } | undefined {
  const slash = text.lastIndexOf('/');
  const end = Number(text.slice(slash + 1));
  return slash < 1 || !Number.isSafeInteger(end) ? undefined : { id: text.slice(0, slash), end };
}

/** Every switch of a topology with where it is, the outermost first. */
export function* switchesOf(topology: Topology): Generator<{
  readonly entry: SwitchEntry;
  readonly path: readonly (string | number)[];
  readonly rack?: RackEntry;
  readonly box?: BoxEntry;
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

interface BrickAt {
  readonly entry: BrickEntry;
  readonly path: readonly (string | number)[];
  readonly rack: RackEntry;
  readonly box: BoxEntry;
  readonly tray: TrayEntry;
}

/** Every brick of a topology with where it is, whatever stands for one. */
export function* bricksAsGiven(topology: Topology): Generator<BrickAt> {
  for (const [r, rack] of topology.racks.entries()) {
    for (const [b, box] of rack.boxes.entries()) {
      for (const [t, tray] of box.trays.entries()) {
        for (const [i, entry] of tray.bricks.entries()) {
          const path = ['racks', r, 'boxes', b, 'trays', t, 'bricks', i];
          yield { entry, path, rack, box, tray };
        }
      }
    }
  }
}

/** Every brick of a topology with where it is, by its id. */
export function* bricksOf(topology: Topology): Generator<BrickAt & { readonly id: string }> {
  for (const at of bricksAsGiven(topology)) {
    yield { ...at, id: `${at.rack.id}.${at.box.id}.${at.entry.id}` };
  }
}
