import {
  NODE,
  nodeIndex,
  nodeKind,
  SWITCH_KIND,
  type BrickColumns,
  type Graph,
} from '../inventory/graph.js';

/** What a transceiver has: all utils are percent of it. */
export const TRANSCEIVER_CAPACITY = 100;

/** What is left of transceivers, links and packet switches, and which ports circuit switches join. */
export class Links {
  readonly far: Int32Array;
  readonly farNode: Int32Array;
  readonly node: Int32Array;
  readonly link: Int32Array;
  readonly optical: Uint8Array;
  readonly linkFree: Int32Array;
  /** By endpoint; ports of switches are not limited by themselves. */
  readonly transceiverFree: Int32Array;
  readonly switchFree: Int32Array;
  readonly switchUsable: Uint8Array;
  /** The port that a circuit joins this one with, as endpoints; -1: free. */
  readonly peer: Int32Array;
  /** How many paths go through the circuit of a port. */
  readonly circuitPaths: Int32Array;
  circuits = 0;

  constructor({ columns: { endpoints, links, switches } }: Graph) {
    this.far = endpoints.far;
    this.farNode = endpoints.farNode;
    this.node = endpoints.node;
    this.link = endpoints.link;
    this.optical = switches.kind;
    this.linkFree = links.capacity.slice();
    this.transceiverFree = new Int32Array(endpoints.count).fill(TRANSCEIVER_CAPACITY);
    this.switchFree = switches.capacity.slice();
    this.switchUsable = new Uint8Array(switches.count).fill(1);
    this.peer = new Int32Array(endpoints.count).fill(-1);
    this.circuitPaths = new Int32Array(endpoints.count);
  }

  isOptical(index: number): boolean {
    return this.optical[index] === SWITCH_KIND.OPTICAL;
  }

  /** The switch that a port belongs to. */
  switchOf(port: number): number {
    return this.node[port]! >> 2;
  }

  /** Whether what the endpoint is plugged into is a switch. */
  atSwitch(endpoint: number): boolean {
    const node = this.farNode[endpoint]!;
    return node >= 0 && nodeKind(node) === NODE.SWITCH;
  }

  /** Whether a circuit already decides where this transceiver leads. */
  bound(transceiver: number): boolean {
    return this.peer[this.far[transceiver]!] !== -1;
  }

  /** What a new path can take of this transceiver to somewhere not decided yet; -1: nothing at all. */
  open(transceiver: number): number {
    const port = this.far[transceiver]!;
    if (port < 0 || this.peer[port] !== -1) return -1;
    const own = this.transceiverFree[transceiver]!;
    const link = this.linkFree[this.link[transceiver]!]!;
    return own < link ? own : link;
  }

  /** The most that `open` says of any transceiver of a brick; -1: none is open. */
  mostOpen({ endpoint, transceivers }: BrickColumns, brick: number): number {
    const from = endpoint[brick]!;
    let most = -1;
    for (let t = from + transceivers[brick]! - 1; t >= from; t -= 1) {
      const open = this.open(t);
      if (open > most) most = open;
    }
    return most;
  }

  /** Joins two ports of a circuit switch for one path more. */
  join(a: number, b: number): void {
    if (this.peer[a] === -1) {
      this.peer[a] = b;
      this.peer[b] = a;
      this.circuits += 1;
    }
    this.circuitPaths[a]! += 1;
    this.circuitPaths[b]! += 1;
  }

  part(a: number, b: number): void {
    this.circuitPaths[a]! -= 1;
    this.circuitPaths[b]! -= 1;
    if (this.circuitPaths[a]! > 0) return;
    this.peer[a] = -1;
    this.peer[b] = -1;
    this.circuits -= 1;
  }

  /** Whether a circuit of these two ports is there or could be. */
  joinable(a: number, b: number): boolean {
    return a !== b && (this.peer[a] === b || (this.peer[a] === -1 && this.peer[b] === -1));
  }
}

/** The switch of a node that is one. */
export const switchIndex = nodeIndex;
