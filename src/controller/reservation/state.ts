import type { Graph } from '../inventory/graph.js';
import { Groups } from './groups.js';
import { Links } from './links.js';
import { Paths } from './paths.js';
import { Segments } from './segments.js';

/** Everything that reservations change: columns by index, nothing but numbers. */
export class State {
  readonly graph: Graph;
  readonly segments: Segments;
  readonly links: Links;
  readonly paths: Paths;
  readonly groups: Groups;

  /** Free cores by island (graph: islandFirst). */
  readonly islandFree: Int32Array;
  /** The most that one island of a compute brick has free. */
  readonly coresFree: Int32Array;
  readonly localFree: Int32Array;
  readonly memportsFree: Int32Array;
  readonly computeUsable: Uint8Array;
  readonly memoryUsable: Uint8Array;
  /** The most that an open transceiver of the brick has left; -1: none is open. */
  readonly computeOpen: Int32Array;
  readonly memoryOpen: Int32Array;

  /** The group where something was reserved or released last. Where it is decides nothing but where to look first. */
  recent = 0;

  constructor(graph: Graph) {
    const { compute, memory } = graph.columns;
    this.graph = graph;
    this.segments = new Segments(memory);
    this.links = new Links(graph);
    this.paths = new Paths(graph, this.links);
    this.islandFree = Int32Array.from(compute.islandCores);
    this.coresFree = new Int32Array(compute.count);
    this.localFree = compute.local.slice();
    this.memportsFree = Int32Array.from(compute.memports);
    this.computeUsable = new Uint8Array(compute.count).fill(1);
    this.memoryUsable = new Uint8Array(memory.count).fill(1);
    this.computeOpen = new Int32Array(compute.count);
    this.memoryOpen = new Int32Array(memory.count);
    for (let c = 0; c < compute.count; c += 1) {
      this.countCores(c);
      this.computeOpen[c] = this.links.mostOpen(compute, c);
    }
    for (let m = 0; m < memory.count; m += 1) {
      this.memoryOpen[m] = this.links.mostOpen(memory, m);
    }
    this.groups = new Groups(this);
  }

  countCores(compute: number): void {
    const { islandFirst } = this.graph.columns.compute;
    let most = 0;
    for (let i = islandFirst[compute]!; i < islandFirst[compute + 1]!; i += 1) {
      if (this.islandFree[i]! > most) most = this.islandFree[i]!;
    }
    this.coresFree[compute] = most;
  }

  /** The island with the fewest free cores that are enough; -1: none. */
  islandFor(compute: number, cores: number): number {
    const { islandFirst } = this.graph.columns.compute;
    const first = islandFirst[compute]!;
    let best = -1;
    let least = 0x7fff_ffff;
    for (let i = first; i < islandFirst[compute + 1]!; i += 1) {
      const free = this.islandFree[i]!;
      if (free >= cores && free < least) {
        least = free;
        best = i - first;
      }
    }
    return best;
  }

  /** Takes cores and local memory; negative ones give back. */
  takeLocal(compute: number, island: number, cores: number, local: number): void {
    this.localFree[compute]! -= local;
    if (cores === 0) return;
    this.islandFree[this.graph.columns.compute.islandFirst[compute]! + island]! -= cores;
    this.countCores(compute);
  }

  /** The brick's own numbers were changed: what is counted from them follows. */
  computeChanged(compute: number): void {
    this.computeOpen[compute] = this.links.mostOpen(this.graph.columns.compute, compute);
    this.groups.computeChanged(compute);
  }

  memoryChanged(memory: number): void {
    this.memoryOpen[memory] = this.links.mostOpen(this.graph.columns.memory, memory);
    this.groups.memoryChanged(memory);
  }
}
