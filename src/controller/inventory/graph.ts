import type { Adjacency } from './graph-adjacency.js';

export { GraphBuilder } from './graph-builder.js';

/** What an endpoint belongs to. The low bits of a node; the rest is the index among its kind. */
export const NODE = { COMPUTE: 0, MEMORY: 1, ACCELERATOR: 2, SWITCH: 3 } as const;
export type NodeKind = (typeof NODE)[keyof typeof NODE];

export const nodeOf = (kind: NodeKind, index: number): number => index * 4 + kind;
export const nodeKind = (node: number): NodeKind => (node & 3) as NodeKind;
export const nodeIndex = (node: number): number => node >> 2;

export const SWITCH_KIND = { ELECTRICAL: 0, OPTICAL: 1 } as const;
export type SwitchKind = 'electrical' | 'optical';

/** What a packet switch without a capacity of its own has: more than any links can bring to it. */
export const UNLIMITED = 0x7fff_ffff;

/** Bricks of one kind: columns by index. */
export interface BrickColumns {
  readonly count: number;
  /** Index of the box. */
  readonly box: Int32Array;
  /** D4.4's dBrickId, 0 to 15. */
  readonly id: Uint8Array;
  /** Index of the tray; -1: none. */
  readonly tray: Int32Array;
  /** The brick's first transceiver, as an endpoint; the others follow it. */
  readonly endpoint: Int32Array;
  readonly transceivers: Uint8Array;
}

export interface ComputeColumns extends BrickColumns {
  /** MiB. */
  readonly local: Int32Array;
  readonly memports: Uint16Array;
  /** Islands of brick c are islandFirst[c] up to islandFirst[c + 1]. */
  readonly islandFirst: Int32Array;
  readonly islandCores: Uint16Array;
}

export interface MemoryColumns extends BrickColumns {
  readonly segments: Int32Array;
}

export interface AcceleratorColumns extends BrickColumns {
  readonly slots: Uint8Array;
}

export interface SwitchColumns {
  readonly count: number;
  /** Text ids, outside of everything hot. */
  readonly names: readonly string[];
  /** SWITCH_KIND. */
  readonly kind: Uint8Array;
  /** Port 0, as an endpoint; the others follow it. */
  readonly endpoint: Int32Array;
  readonly ports: Int32Array;
  /** Of the switch in itself, percent of a transceiver; UNLIMITED. Packet switches only. */
  readonly capacity: Int32Array;
  /** -1: in no rack (of the site). */
  readonly rack: Int32Array;
  /** -1: in no box (of its rack). */
  readonly box: Int32Array;
}

/**
 * Transceivers of bricks and ports of switches are one numbering, the endpoints: those of one brick or
 * switch follow each other. At most one link ends in an endpoint.
 */
export interface EndpointColumns {
  readonly count: number;
  /** Whose it is: nodeOf(kind, index). */
  readonly node: Int32Array;
  /** -1: nothing is plugged in. */
  readonly link: Int32Array;
  /** The endpoint at the link's other side, -1. */
  readonly far: Int32Array;
  /** Whose that is, -1: what a walk looks at most. */
  readonly farNode: Int32Array;
}

export interface LinkColumns {
  readonly count: number;
  readonly a: Int32Array;
  readonly b: Int32Array;
  readonly capacity: Int32Array;
}

/** All columns of a graph, as GraphBuilder leaves them. */
export interface GraphColumns {
  /** MiB of a segment. */
  readonly segmentMiB: number;
  readonly rackId: Int32Array;
  readonly clusterId: Int32Array;
  readonly clusterRack: Int32Array;
  readonly boxId: Int32Array;
  readonly boxRack: Int32Array;
  /** -1: in none. */
  readonly boxCluster: Int32Array;
  readonly trayId: Int32Array;
  readonly trayBox: Int32Array;
  readonly compute: ComputeColumns;
  readonly memory: MemoryColumns;
  readonly accelerator: AcceleratorColumns;
  readonly switches: SwitchColumns;
  readonly endpoints: EndpointColumns;
  readonly links: LinkColumns;
  readonly adjacency: Adjacency;
}

/** What there is and how it is wired. Who uses it is the reservation core's. Never changes. */
export class Graph {
  constructor(readonly columns: GraphColumns) {}

  get segmentMiB(): number {
    return this.columns.segmentMiB;
  }

  #bricks(kind: NodeKind): BrickColumns {
    const { compute, memory, accelerator } = this.columns;
    return kind === NODE.COMPUTE ? compute : kind === NODE.MEMORY ? memory : accelerator;
  }

  /** "rack.box.brick". */
  brickName(kind: NodeKind, index: number): string {
    const bricks = this.#bricks(kind);
    const box = bricks.box[index]!;
    const { boxId, boxRack, rackId } = this.columns;
    return `${rackId[boxRack[box]!]}.${boxId[box]}.${bricks.id[index]}`;
  }

  computeName(index: number): string {
    return this.brickName(NODE.COMPUTE, index);
  }

  memoryName(index: number): string {
    return this.brickName(NODE.MEMORY, index);
  }

  switchName(index: number): string {
    return this.columns.switches.names[index]!;
  }

  /** "rack.box". */
  boxName(index: number): string {
    const { boxId, boxRack, rackId } = this.columns;
    return `${rackId[boxRack[index]!]}.${boxId[index]}`;
  }

  /** "0.2.9/3" or "dbesm-0-2/17": as a topology file writes an end of a link. */
  endpointName(endpoint: number): string {
    const node = this.columns.endpoints.node[endpoint]!;
    const kind = nodeKind(node);
    const index = nodeIndex(node);
    if (kind === NODE.SWITCH) {
      return `${this.switchName(index)}/${endpoint - this.columns.switches.endpoint[index]!}`;
    }
    return `${this.brickName(kind, index)}/${endpoint - this.#bricks(kind).endpoint[index]!}`;
  }

  /** Endpoints that are plugged in, by whose they are; for those who list or draw. */
  linkEnds(link: number): { readonly a: number; readonly b: number; readonly capacity: number } {
    const { a, b, capacity } = this.columns.links;
    return { a: a[link]!, b: b[link]!, capacity: capacity[link]! };
  }
}
