import {
  NODE,
  nodeIndex,
  nodeKind,
  UNLIMITED,
  type Graph,
} from '../../../../src/controller/inventory/graph.js';
import type { Reservation, ReservedPath } from '../../../../src/controller/reservation/types.js';

/** A way as text: what a path would have to be equal to. */
export const wayOf = (path: ReservedPath): string =>
  JSON.stringify([
    path.compute,
    path.computeTransceiver,
    path.hops,
    path.memoryTransceiver,
    path.memory,
  ]);

/**
 * What is taken, summed up from nothing but the reservations that were handed out: objects and maps,
 * nothing of the core's.
 */
export class Ledger {
  readonly owner = new Map<string, Reservation>();
  readonly link = new Map<number, number>();
  readonly transceiver = new Map<number, number>();
  readonly switch = new Map<number, number>();
  readonly peer = new Map<number, number>();
  readonly memports = new Map<number, number>();
  readonly cores = new Map<string, number>();
  readonly local = new Map<number, number>();
  readonly util = new Map<string, number>();

  constructor(
    readonly graph: Graph,
    reservations: Iterable<Reservation> = [],
  ) {
    for (const reservation of reservations) this.add(reservation);
  }

  /** @throws Error if it takes what another one has, or more than there is. */
  add(reservation: Reservation): void {
    const { compute, memory } = this.graph.columns;
    const { compute: c, island, cores, localMemory, runs, paths } = reservation;
    for (const { memory: m, first, count } of runs) {
      for (let n = first; n < first + count; n += 1) {
        if (n < 0 || n >= memory.segments[m]!) throw new Error(`no segment ${m}/${n}`);
        if (this.owner.has(`${m}/${n}`)) throw new Error(`segment ${m}/${n} is owned twice`);
        this.owner.set(`${m}/${n}`, reservation);
      }
    }
    this.#sum(this.memports, c, runs.length, compute.memports[c]!, 'memports');
    this.#sum(this.local, c, localMemory, compute.local[c]!, 'local memory');
    if (cores > 0) {
      const at = compute.islandFirst[c]! + island;
      if (at >= compute.islandFirst[c + 1]!) throw new Error('island of another brick');
      this.#sum(this.cores, `${at}`, cores, compute.islandCores[at]!, 'cores');
    }
    for (const path of paths) this.#path(path);
  }

  #sum<K>(map: Map<K, number>, key: K, more: number, most: number, what: string): void {
    const sum = (map.get(key) ?? 0) + more;
    if (sum > most) throw new Error(`${what} of ${String(key)}: ${sum} of ${most}`);
    map.set(key, sum);
  }

  #path(path: ReservedPath): void {
    const { compute, memory, switches, endpoints, links } = this.graph.columns;
    const { util } = path;
    const from = compute.endpoint[path.compute]! + path.computeTransceiver;
    const to = memory.endpoint[path.memory]! + path.memoryTransceiver;
    const way = [from];
    for (const hop of path.hops) {
      way.push(switches.endpoint[hop.switch]! + hop.in, switches.endpoint[hop.switch]! + hop.out);
    }
    way.push(to);
    const passed: number[] = [];
    for (let i = 0; i < way.length; i += 2) {
      if (endpoints.far[way[i]!] !== way[i + 1]) throw new Error('a path goes where no link is');
      passed.push(endpoints.link[way[i]!]!);
    }
    if (JSON.stringify(passed) !== JSON.stringify(path.links)) throw new Error('links of a path');
    if (new Set(way).size !== way.length) throw new Error('a path uses a port twice');
    const key = wayOf(path);
    this.#sum(this.util, `${path.id} ${key}`, util, 100, 'path');
    for (const end of [from, to]) this.#sum(this.transceiver, end, util, 100, 'transceiver');
    for (const link of passed) this.#sum(this.link, link, util, links.capacity[link]!, 'link');
    for (const { switch: index, in: into, out } of path.hops) {
      const first = switches.endpoint[index]!;
      if (switches.kind[index] === 0) {
        const capacity = switches.capacity[index]!;
        this.#sum(this.switch, index, util, capacity === UNLIMITED ? Infinity : capacity, 'switch');
        continue;
      }
      for (const [a, b] of [
        [first + into, first + out],
        [first + out, first + into],
      ] as const) {
        if ((this.peer.get(a) ?? b) !== b) throw new Error(`port ${a} is in two circuits`);
        this.peer.set(a, b);
      }
    }
  }

  /**
   * Fewest hops from a compute brick to each memory brick with `util` left everywhere, by trying every way
   * that there is: slow, and nothing like the core's walk.
   */
  distances(c: number, util: number, most = 8): Map<number, number> {
    const { compute, endpoints, links, switches } = this.graph.columns;
    const best = new Map<number, number>();
    const left = (link: number): boolean =>
      links.capacity[link]! - (this.link.get(link) ?? 0) >= util;
    const whole = (end: number): boolean => 100 - (this.transceiver.get(end) ?? 0) >= util;
    const joined = new Map(this.peer);
    const go = (port: number, hops: number, used: Set<number>): void => {
      const link = endpoints.link[port]!;
      if (link === -1 || !left(link)) return;
      const far = endpoints.far[port]!;
      const node = endpoints.node[far]!;
      const index = nodeIndex(node);
      if (nodeKind(node) === NODE.MEMORY) {
        if (whole(far) && hops < (best.get(index) ?? Infinity)) best.set(index, hops);
        return;
      }
      if (nodeKind(node) !== NODE.SWITCH || hops === most || used.has(far)) return;
      const capacity = switches.capacity[index]!;
      const packet = switches.kind[index] === 0;
      if (packet && capacity !== UNLIMITED && capacity - (this.switch.get(index) ?? 0) < util)
        return;
      const first = switches.endpoint[index]!;
      for (let out = first; out < first + switches.ports[index]!; out += 1) {
        if (out === far || used.has(out)) continue;
        if (!packet && (joined.get(far) ?? out) !== out) continue;
        if (!packet && (joined.get(out) ?? far) !== far) continue;
        const more = new Set(used).add(far).add(out);
        go(out, hops + 1, more);
      }
    };
    const first = compute.endpoint[c]!;
    for (let t = first; t < first + compute.transceivers[c]!; t += 1) {
      if (whole(t)) go(t, 0, new Set([t]));
    }
    return best;
  }
}
