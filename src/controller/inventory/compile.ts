import { splitEnd } from './ends.js';
import { GraphBuilder, type Graph } from './graph.js';
import {
  DEFAULT_MEMPORTS,
  DEFAULT_SEGMENT_SIZE,
  type BoxEntry,
  type BrickEntry,
  type RackEntry,
  type SwitchEntry,
  type Topology,
} from './topology-schema.js';

type Kind = 'compute' | 'memory' | 'accelerator' | 'switch';

/** What a link may end at, by its id: what it is, and its index among those of its kind. */
export type Named = ReadonlyMap<string, { readonly kind: Kind; readonly index: number }>;

/** Put in what is added; undefined: nobody asks for names. */
type Names = Map<string, { readonly kind: Kind; readonly index: number }> | undefined;

/**
 * The graph of a topology that was checked. Its parts come in the file's order, outer switches first,
 * so that bricks have the same numbers as long as the file lists them so.
 */
export function compileTopology(topology: Topology): Graph {
  const builder = new GraphBuilder({ segmentMiB: segmentMiB(topology) });
  const names: Names = new Map();
  addSwitches(builder, topology.switches, {}, names);
  for (const rack of topology.racks) addRack(builder, rack, names);
  for (const { a, b, capacity } of topology.links ?? []) {
    builder.addLink(endOf(builder, names, a), endOf(builder, names, b), capacity);
  }
  return builder.build();
}

export function segmentMiB({ segmentSize }: Pick<Topology, 'segmentSize'>): number {
  return Number(BigInt(segmentSize ?? DEFAULT_SEGMENT_SIZE) >> 20n);
}

/** Adds a rack with all that is in it, but no links. */
export function addRack(builder: GraphBuilder, entry: RackEntry, names?: Names): void {
  const rack = builder.addRack(entry.id);
  addSwitches(builder, entry.switches, { rack }, names);
  const clusters = new Map<number, number>();
  for (const { id, boxes } of entry.clusters ?? [{ id: 0, boxes: entry.boxes.map((b) => b.id) }]) {
    const cluster = builder.addCluster(rack, id);
    for (const box of boxes) clusters.set(box, cluster);
  }
  for (const box of entry.boxes) {
    const index = builder.addBox(rack, box.id, clusters.get(box.id));
    addSwitches(builder, box.switches, { rack, box: index }, names);
    addTrays(builder, box, index, `${entry.id}.${box.id}`, names);
  }
}

function addTrays(
  builder: GraphBuilder,
  { trays }: BoxEntry,
  box: number,
  name: string,
  names: Names,
): void {
  for (const { id, bricks } of trays) {
    const tray = builder.addTray(box, id);
    for (const brick of bricks) {
      const index = addBrick(builder, box, tray, brick);
      names?.set(`${name}.${brick.id}`, { kind: brick.type, index });
    }
  }
}

function addBrick(builder: GraphBuilder, box: number, tray: number, brick: BrickEntry): number {
  const { id, transceivers } = brick;
  const common = { id, transceivers, tray };
  switch (brick.type) {
    case 'compute': {
      const { islands, memports = DEFAULT_MEMPORTS } = brick;
      const memory = Number(BigInt(brick.memory) >> 20n);
      return builder.addCompute(box, { ...common, islands, memory, memports });
    }
    case 'memory':
      return builder.addMemory(box, { ...common, segments: brick.segments });
    case 'accelerator':
      return builder.addAccelerator(box, { ...common, slots: brick.slots });
  }
}

export function addSwitches(
  builder: GraphBuilder,
  switches: readonly SwitchEntry[] | undefined,
  where: { readonly rack?: number; readonly box?: number },
  names?: Names,
): void {
  for (const { id, kind, ports, capacity } of switches ?? []) {
    const limit = capacity === undefined ? {} : { capacity };
    const index = builder.addSwitch({ id, kind, ports, ...limit, ...where });
    names?.set(id, { kind: 'switch', index });
  }
}

function endOf(builder: GraphBuilder, names: Named, text: string): number {
  const { id, end } = splitEnd(text)!;
  const { kind, index } = names.get(id)!;
  switch (kind) {
    case 'compute':
      return builder.computeTransceiver(index, end);
    case 'memory':
      return builder.memoryTransceiver(index, end);
    case 'accelerator':
      return builder.acceleratorTransceiver(index, end);
    case 'switch':
      return builder.port(index, end);
  }
}
