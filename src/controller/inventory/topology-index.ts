import { formatTrayId, type BrickId, type BrickKey, type TrayId } from './brick-id.js';
import { bricksOf, switchesOf } from './ends.js';
import type { BoxEntry, BrickEntry, SwitchEntry, Topology, TrayEntry } from './topology-schema.js';

/** A brick of a topology, with where it is. */
export interface BrickPlace {
  readonly id: BrickId;
  readonly key: BrickKey;
  readonly tray: TrayId;
  /** Among those of its type: the number that the graph of the topology gives it. */
  readonly index: number;
  readonly entry: BrickEntry;
}

export interface SwitchPlace {
  readonly id: string;
  /** The number that the graph of the topology gives it. */
  readonly index: number;
  readonly entry: SwitchEntry;
  /** None: between racks. */
  readonly rack?: number;
  /** None: between boxes. */
  readonly box?: number;
  /** Of the daemon that sets its ports; none: nothing is set there. */
  readonly dbmc?: string;
}

export interface TrayPlace {
  readonly id: TrayId;
  readonly dbmc?: string;
  readonly entry: TrayEntry;
  readonly bricks: readonly BrickId[];
}

/** What is called what, and where it is. */
export interface TopologyIndex {
  readonly bricks: ReadonlyMap<BrickId, BrickPlace>;
  readonly switches: ReadonlyMap<string, SwitchPlace>;
  readonly trays: ReadonlyMap<TrayId, TrayPlace>;
  /** By index in the graph. */
  readonly compute: readonly BrickPlace[];
  readonly memory: readonly BrickPlace[];
  readonly accelerators: readonly BrickPlace[];
}

/** @param topology that was checked. Indexes are those of `compileTopology(topology)`. */
export function indexTopology(topology: Topology): TopologyIndex {
  const bricks = new Map<BrickId, BrickPlace>();
  const trays = new Map<TrayId, TrayPlace & { bricks: BrickId[] }>();
  const by = {
    compute: [] as BrickPlace[],
    memory: [] as BrickPlace[],
    accelerator: [] as BrickPlace[],
  };
  for (const rack of topology.racks) {
    for (const box of rack.boxes) {
      for (const entry of box.trays) {
        const id = formatTrayId({ rack: rack.id, box: box.id, tray: entry.id });
        const dbmc = entry.dbmc === undefined ? {} : { dbmc: entry.dbmc };
        trays.set(id, { id, entry, bricks: [], ...dbmc });
      }
    }
  }
  for (const { entry, id, rack, box, tray } of bricksOf(topology)) {
    const key = { dRackId: rack.id, dBoxId: box.id, dBrickId: entry.id };
    const trayId = formatTrayId({ rack: rack.id, box: box.id, tray: tray.id });
    const place = { id, key, tray: trayId, index: by[entry.type].length, entry };
    bricks.set(id, place);
    by[entry.type].push(place);
    trays.get(trayId)!.bricks.push(id);
  }
  const { compute, memory, accelerator } = by;
  return {
    bricks,
    switches: switchPlaces(topology),
    trays,
    compute,
    memory,
    accelerators: accelerator,
  };
}

function switchPlaces(topology: Topology): Map<string, SwitchPlace> {
  const switches = new Map<string, SwitchPlace>();
  for (const { entry, rack, box } of switchesOf(topology)) {
    const { id } = entry;
    const outer = box === undefined ? (rack ?? topology).dbmc : boxDbmc(box);
    const dbmc = entry.dbmc ?? outer;
    switches.set(id, {
      id,
      index: switches.size,
      entry,
      ...(rack === undefined ? {} : { rack: rack.id }),
      ...(box === undefined ? {} : { box: box.id }),
      ...(dbmc === undefined ? {} : { dbmc }),
    });
  }
  return switches;
}

/** What sets a box's switches where they name nothing else: the first of its trays that has a dBMC. */
export function boxDbmc({ dbmc, trays }: BoxEntry): string | undefined {
  return dbmc ?? trays.find((tray) => tray.dbmc !== undefined)?.dbmc;
}
