import graphology from 'graphology';
import type { Graph } from '../../src/controller/inventory/graph.js';
import type { Reservation, ReserveRequest } from '../../src/controller/reservation/types.js';
import { joinRun } from './reservation-graphology-types.js';
import type {
  ComputeNode,
  Edge,
  Held,
  Lane,
  MemoryNode,
  Node,
  Path,
  Step,
} from './reservation-graphology-types.js';

export type { Held };

/** Compute bricks that are tried for a run of all segments in one hop. */
const TRIES = 8;

/**
 * The same reservations on objects in a graph library: attributes on nodes and edges, breadth-first search
 * through its neighbours. Done well: parallel links are one edge, free segments are a list of runs, search
 * begins where the last one was lucky and ends at the first level that has something.
 */
export class GraphologyRack {
  readonly #graph = new graphology.UndirectedGraph<Node, Edge>();
  readonly #computes: string[] = [];
  #next = 0;

  constructor(graph: Graph) {
    const { compute, memory, switches, links, endpoints } = graph.columns;
    const nodes = this.#graph;
    for (let s = 0; s < switches.count; s += 1) {
      nodes.addNode(`s${s}`, { kind: switches.kind[s] === 1 ? 'optical' : 'electrical' });
    }
    for (let c = 0; c < compute.count; c += 1) {
      const islands = Array.from(
        compute.islandCores.subarray(compute.islandFirst[c], compute.islandFirst[c + 1]),
      );
      const rest = { local: compute.local[c]!, memports: compute.memports[c]!, paths: new Map() };
      nodes.addNode(`c${c}`, { kind: 'compute', islands, ...rest });
      this.#computes.push(`c${c}`);
    }
    for (let m = 0; m < memory.count; m += 1) {
      nodes.addNode(`m${m}`, { kind: 'memory', runs: [{ first: 0, count: memory.segments[m]! }] });
    }
    const name = (end: number): string =>
      `${'cmas'[endpoints.node[end]! & 3]}${endpoints.node[end]! >> 2}`;
    for (let l = 0; l < links.count; l += 1) {
      const a = name(links.a[l]!);
      const b = name(links.b[l]!);
      const lane = { free: links.capacity[l]!, peer: new Map<string, Lane>(), circuits: 0 };
      const edge = nodes.edge(a, b);
      if (edge === undefined) nodes.addEdge(a, b, { lanes: [lane] });
      else nodes.getEdgeAttributes(edge).lanes.push(lane);
    }
  }

  /** Takes what the other side was given, so that both start from the same. */
  adopt({ compute: c, island, cores, localMemory, runs, paths }: Reservation): void {
    const compute = this.#compute(`c${c}`);
    compute.islands[island]! -= cores;
    compute.local -= localMemory;
    const opened = paths.map((path) => {
      const memory = `m${path.memory}`;
      const util = path.util;
      if (path.hops.length !== 1) return undefined;
      const s = `s${path.hops[0]!.switch}`;
      const known = compute.paths.get(memory)?.find((open) => open.lanes[0]!.free >= util);
      const from = this.#lanes(`c${c}`, s)[path.computeTransceiver];
      const to = this.#lanes(s, memory)[path.memoryTransceiver];
      if (from === undefined || to === undefined) return undefined;
      const open = known ?? this.#open(`c${c}`, memory, [s], [from, to]);
      this.#take(open, util);
      return open;
    });
    for (const { memory, first, count, path } of runs) {
      const open = opened[paths.findIndex(({ id }) => id === path)];
      this.#cut(`m${memory}`, first, count);
      compute.memports -= 1;
      if (open !== undefined) open.runs += 1;
    }
  }

  #compute(node: string): ComputeNode {
    return this.#graph.getNodeAttributes(node) as ComputeNode;
  }

  #memory(node: string): MemoryNode {
    return this.#graph.getNodeAttributes(node) as MemoryNode;
  }

  #lanes(a: string, b: string): Lane[] {
    return this.#graph.getEdgeAttributes(a, b).lanes;
  }

  reserve({ cores = 0, localMemory = 0, segments, pathUtil }: ReserveRequest): Held | undefined {
    const count = this.#computes.length;
    for (const most of [1, Infinity]) {
      let tries = most === 1 ? TRIES : Infinity;
      for (let i = 0; i < count && tries > 0; i += 1) {
        const at = (this.#next + i) % count;
        const name = this.#computes[at]!;
        const node = this.#compute(name);
        if (node.local < localMemory || node.memports === 0) continue;
        let island = -1;
        for (let j = 0; j < node.islands.length; j += 1) {
          const free = node.islands[j]!;
          if (free >= cores && (island === -1 || free < node.islands[island]!)) island = j;
        }
        if (island === -1) continue;
        tries -= 1;
        const held: Held = {
          compute: name,
          island,
          cores,
          local: localMemory,
          util: pathUtil,
          runs: [],
          paths: [],
        };
        node.islands[island]! -= cores;
        node.local -= localMemory;
        if (this.#fill(held, node, segments, most)) {
          this.#next = at;
          return held;
        }
        this.release(held);
      }
    }
    return undefined;
  }

  #fill(held: Held, node: ComputeNode, segments: number, most: number): boolean {
    for (let left = segments; left > 0;) {
      if (node.memports === 0) return false;
      const found = this.#search(held, left, most);
      if (found === undefined || (most === 1 && found.run.count < left)) return false;
      const { memory, run } = found;
      let path = held.paths.find((own) => own.memory === memory);
      if (path === undefined) {
        const fits = (open: Path): boolean => open.lanes.every((lane) => lane.free >= held.util);
        path = node.paths.get(memory)?.find(fits) ?? this.#opened(held.compute, memory, found);
        this.#take(path, held.util);
        held.paths.push(path);
      }
      const count = Math.min(left, run.count);
      const { first } = run;
      run.first += count;
      run.count -= count;
      if (run.count === 0) {
        const { runs } = this.#memory(memory);
        runs.splice(runs.indexOf(run), 1);
      }
      held.runs.push({ memory, first, count, path });
      path.runs += 1;
      node.memports -= 1;
      left -= count;
    }
    return true;
  }

  /** Breadth first, level by level; of the first level with something, what fits best. */
  #search(held: Held, need: number, most: number) {
    const graph = this.#graph;
    const { util } = held;
    const seen = new Set<string>();
    const joined = new Set<Lane>();
    let level: Step[] = [];
    const arrive = (into: Step[], node: string, lane: Lane, before: Step | undefined): void => {
      if (lane.peer.has(node)) {
        if (joined.has(lane)) return;
        joined.add(lane);
      } else {
        if (seen.has(node)) return;
        seen.add(node);
      }
      into.push({ node, lane, before });
    };
    graph.forEachNeighbor(held.compute, (node) => {
      for (const lane of this.#lanes(held.compute, node)) {
        if (lane.free >= util) arrive(level, node, lane, undefined);
      }
    });
    for (let hops = 1; level.length > 0 && hops <= most; hops += 1) {
      let best:
        | { memory: string; run: { first: number; count: number }; lane: Lane; step: Step }
        | undefined;
      const next: Step[] = [];
      for (const step of level) {
        const peer = step.lane.peer.get(step.node);
        const optical = graph.getNodeAttributes(step.node).kind === 'optical';
        graph.forEachNeighbor(step.node, (node, attributes) => {
          if (attributes.kind === 'compute') return;
          const lanes = this.#lanes(step.node, node);
          const lane = lanes.find(
            (out) =>
              out !== step.lane &&
              out.free >= util &&
              (!optical || (peer === undefined ? !out.peer.has(step.node) : out === peer)),
          );
          if (lane === undefined) return;
          if (attributes.kind !== 'memory') {
            for (const out of lanes) {
              const usable =
                !optical || (peer === undefined ? !out.peer.has(step.node) : out === peer);
              if (usable && out !== step.lane && out.free >= util) arrive(next, node, out, step);
            }
            return;
          }
          for (const run of attributes.runs) {
            const better =
              best === undefined ||
              (best.run.count < need
                ? run.count > best.run.count
                : run.count >= need && run.count < best.run.count);
            if (better) best = { memory: node, run, lane, step };
          }
        });
      }
      if (best !== undefined) return best;
      level = next;
    }
    return undefined;
  }

  #opened(compute: string, memory: string, found: { lane: Lane; step: Step }): Path {
    const switches: string[] = [];
    const lanes = [found.lane];
    for (let step: Step | undefined = found.step; step !== undefined; step = step.before) {
      switches.unshift(step.node);
      lanes.unshift(step.lane);
    }
    return this.#open(compute, memory, switches, lanes);
  }

  #open(compute: string, memory: string, switches: string[], lanes: Lane[]): Path {
    const path = { compute, memory, switches, lanes, util: 0, runs: 0 };
    switches.forEach((node, i) => {
      if (this.#graph.getNodeAttributes(node).kind !== 'optical') return;
      lanes[i]!.peer.set(node, lanes[i + 1]!);
      lanes[i + 1]!.peer.set(node, lanes[i]!);
      lanes[i]!.circuits += 1;
    });
    const { paths } = this.#compute(compute);
    const open = paths.get(memory);
    if (open === undefined) paths.set(memory, [path]);
    else open.push(path);
    return path;
  }

  #take(path: Path, util: number): void {
    path.util += util;
    for (const lane of path.lanes) lane.free -= util;
  }

  #close(path: Path): void {
    path.switches.forEach((node, i) => {
      const lane = path.lanes[i]!;
      if (!lane.peer.has(node)) return;
      lane.circuits -= 1;
      if (lane.circuits > 0) return;
      lane.peer.delete(node);
      path.lanes[i + 1]!.peer.delete(node);
    });
    const { paths } = this.#compute(path.compute);
    const open = paths.get(path.memory)!;
    open.splice(open.indexOf(path), 1);
    if (open.length === 0) paths.delete(path.memory);
  }

  release({ compute, island, cores, local, util, runs, paths }: Held): void {
    const node = this.#compute(compute);
    node.islands[island]! += cores;
    node.local += local;
    node.memports += runs.length;
    for (const { memory, first, count, path } of runs) {
      path.runs -= 1;
      joinRun(this.#memory(memory).runs, first, count);
    }
    for (const path of paths) {
      this.#take(path, -util);
      if (path.runs === 0) this.#close(path);
    }
  }

  #cut(memory: string, first: number, count: number): void {
    const { runs } = this.#memory(memory);
    const at = runs.findIndex(
      (run) => run.first <= first && first + count <= run.first + run.count,
    );
    const run = runs[at]!;
    const rest = { first: first + count, count: run.first + run.count - first - count };
    run.count = first - run.first;
    runs.splice(at, 1, ...[run, rest].filter((piece) => piece.count > 0));
  }
}
