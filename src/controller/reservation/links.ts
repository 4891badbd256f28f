import {
  NODE,
  nodeKind,
  SWITCH_KIND,
  type BrickColumns,
  type Graph,
  type GraphColumns,
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
  /** Of links between switches. */
  readonly linkFree: Int32Array;
  /**
   * By endpoint: of a brick's transceiver together with its link, which the same paths use; whichever of
   * the two is the narrower one. Ports of switches are not limited by themselves.
   */
  readonly transceiverFree: Int32Array;
  readonly switchFree: Int32Array;
  readonly switchUsable: Uint8Array;
  /** The port that a circuit joins this one with, as endpoints; -1: free. */
  readonly peer: Int32Array;
  /** How many paths go through the circuit of a port. */
  readonly circuitPaths: Int32Array;
  circuits = 0;

  readonly #columns: GraphColumns;

  constructor({ columns }: Graph) {
    const { endpoints, links, switches } = columns;
    this.#columns = columns;
    this.far = endpoints.far;
    this.farNode = endpoints.farNode;
    this.node = endpoints.node;
    this.link = endpoints.link;
    this.optical = switches.kind;
    this.linkFree = links.capacity.slice();
    this.transceiverFree = new Int32Array(endpoints.count).fill(TRANSCEIVER_CAPACITY);
    for (let l = 0; l < links.count; l += 1) {
      if (links.capacity[l]! >= TRANSCEIVER_CAPACITY) continue;
      this.transceiverFree[links.a[l]!] = links.capacity[l]!;
      this.transceiverFree[links.b[l]!] = links.capacity[l]!;
    }
    this.switchFree = switches.capacity.slice();
    this.switchUsable = new Uint8Array(switches.count).fill(1);
    this.peer = new Int32Array(endpoints.count).fill(-1);
    this.circuitPaths = new Int32Array(endpoints.count);
  }

  isOptical(index: number): boolean {
    return this.optical[index] === SWITCH_KIND.OPTICAL;
  }

  /** Percent of a transceiver that a link has left, be it a brick's or between switches. */
  linkLeft(link: number): number {
    const { a, b, capacity } = this.#columns.links;
    for (const end of [a[link]!, b[link]!]) {
      if (nodeKind(this.node[end]!) === NODE.SWITCH) continue;
      const most = Math.min(capacity[link]!, TRANSCEIVER_CAPACITY);
      return capacity[link]! - most + this.transceiverFree[end]!;
    }
    return this.linkFree[link]!;
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

  /** What a new path can take of this transceiver to somewhere not decided yet; -1: nothing at all. */
  open(transceiver: number): number {
    const node = this.farNode[transceiver]!;
    if (node < 0) return -1;
    // Ports are looked at only where they may be in a circuit: there are many, and none is in the cache.
    if (nodeKind(node) === NODE.SWITCH && this.optical[node >> 2] === SWITCH_KIND.OPTICAL) {
      if (this.peer[this.far[transceiver]!] !== -1) return -1;
    }
    return this.transceiverFree[transceiver]!;
  }

  /** The most that `open` says of any transceiver of a brick; -1: none is open. */
  mostOpen({ endpoint, transceivers }: BrickColumns, brick: number): number {
    const from = endpoint[brick]!;
    let most = -1;
    for (let t = from + transceivers[brick]! - 1; t >= from; t -= 1) {
      const open = this.open(t);
      if (open > most) most = open;
      if (open === TRANSCEIVER_CAPACITY) break;
    }
    return most;
  }

  /** Whether all that a brick is plugged into are packet switches of those that are marked. */
  leadsOnlyTo(
    { endpoint, transceivers }: BrickColumns,
    brick: number,
    marked: Uint8Array,
  ): boolean {
    const first = endpoint[brick]!;
    for (let t = first; t < first + transceivers[brick]!; t += 1) {
      const node = this.farNode[t]!;
      if (node < 0) continue;
      if (!this.atSwitch(t) || this.isOptical(node >> 2) || marked[node >> 2] === 0) return false;
    }
    return true;
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
