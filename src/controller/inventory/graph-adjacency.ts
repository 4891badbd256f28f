import { NODE, nodeIndex, nodeKind, type EndpointColumns, type SwitchColumns } from './graph.js';

/** Compressed rows: those of i are `items` from first[i] up to first[i + 1]. */
export interface Rows {
  readonly first: Int32Array;
  readonly items: Int32Array;
}

/** What is around each switch. */
export interface Adjacency {
  /** Trunks of a switch: numbers into `trunkTo` and `trunkPorts`. Row i has trunks first[i] … */
  readonly trunkFirst: Int32Array;
  /** The switch at the other side. A trunk is all links between the same two; each side has its own. */
  readonly trunkTo: Int32Array;
  /** Endpoints at this side, by trunk. */
  readonly trunkPorts: Rows;
  /** Compute bricks that are plugged into a switch, each once. */
  readonly computes: Rows;
  readonly memories: Rows;
  /** Whether a cable goes from a compute brick to a memory brick with no switch between. */
  readonly direct: boolean;
}

/** Bricks of one kind at each switch, each once however many links it has there. */
function attached(
  switches: SwitchColumns,
  { farNode }: EndpointColumns,
  kind: number,
  bricks: number,
): Rows {
  const seenAt = new Int32Array(bricks).fill(-1);
  const first = new Int32Array(switches.count + 1);
  let items = new Int32Array(Math.max(16, bricks * 2));
  let count = 0;
  for (let s = 0; s < switches.count; s += 1) {
    first[s] = count;
    const from = switches.endpoint[s]!;
    for (let e = from; e < from + switches.ports[s]!; e += 1) {
      const node = farNode[e]!;
      if (node < 0 || nodeKind(node) !== kind) continue;
      const brick = nodeIndex(node);
      if (seenAt[brick] === s) continue;
      seenAt[brick] = s;
      if (count === items.length) {
        const more = new Int32Array(items.length * 2);
        more.set(items);
        items = more;
      }
      items[count] = brick;
      count += 1;
    }
  }
  first[switches.count] = count;
  return { first, items: items.slice(0, count) };
}

function trunks(
  switches: SwitchColumns,
  { farNode }: EndpointColumns,
): Pick<Adjacency, 'trunkFirst' | 'trunkTo' | 'trunkPorts'> {
  const trunkAt = new Int32Array(switches.count);
  const trunkFirst = new Int32Array(switches.count + 1);
  const to: number[] = [];
  const sizes: number[] = [];
  const between = (s: number, each: (port: number, other: number) => void): void => {
    const from = switches.endpoint[s]!;
    for (let e = from; e < from + switches.ports[s]!; e += 1) {
      const node = farNode[e]!;
      if (node >= 0 && nodeKind(node) === NODE.SWITCH) each(e, nodeIndex(node));
    }
  };
  // trunkAt is valid for this switch if it is not below the switch's first trunk.
  trunkAt.fill(-1);
  for (let s = 0; s < switches.count; s += 1) {
    const own = to.length;
    trunkFirst[s] = own;
    between(s, (_, other) => {
      if (trunkAt[other]! < own) {
        trunkAt[other] = to.length;
        to.push(other);
        sizes.push(0);
      }
      sizes[trunkAt[other]!]! += 1;
    });
  }
  trunkFirst[switches.count] = to.length;
  const first = new Int32Array(to.length + 1);
  for (let t = 0; t < to.length; t += 1) first[t + 1] = first[t]! + sizes[t]!;
  const items = new Int32Array(first[to.length]!);
  const next = first.slice();
  for (let s = 0; s < switches.count; s += 1) {
    for (let t = trunkFirst[s]!; t < trunkFirst[s + 1]!; t += 1) trunkAt[to[t]!] = t;
    between(s, (port, other) => {
      const trunk = trunkAt[other]!;
      items[next[trunk]!] = port;
      next[trunk]! += 1;
    });
  }
  return { trunkFirst, trunkTo: Int32Array.from(to), trunkPorts: { first, items } };
}

function hasDirect({ count, node, farNode }: EndpointColumns): boolean {
  for (let e = 0; e < count; e += 1) {
    const far = farNode[e]!;
    if (far < 0 || nodeKind(far) !== NODE.MEMORY) continue;
    if (nodeKind(node[e]!) === NODE.COMPUTE) return true;
  }
  return false;
}

export function adjacencyOf(
  switches: SwitchColumns,
  endpoints: EndpointColumns,
  computes: number,
  memories: number,
): Adjacency {
  return {
    ...trunks(switches, endpoints),
    computes: attached(switches, endpoints, NODE.COMPUTE, computes),
    memories: attached(switches, endpoints, NODE.MEMORY, memories),
    direct: hasDirect(endpoints),
  };
}
