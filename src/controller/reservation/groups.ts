import type { Rows } from '../inventory/graph-adjacency.js';
import { ClassFloors, ClassSets } from './classes.js';
import type { State } from './state.js';

/** Turns rows around: for each item, the rows that it is in. */
function turned({ first, items }: Rows, count: number): Rows {
  const rows = first.length - 1;
  const start = new Int32Array(count + 1);
  for (let i = 0; i < items.length; i += 1) start[items[i]! + 1]! += 1;
  for (let i = 0; i < count; i += 1) start[i + 1]! += start[i]!;
  const next = start.slice();
  const found = new Int32Array(items.length);
  for (let row = 0; row < rows; row += 1) {
    for (let i = first[row]!; i < first[row + 1]!; i += 1) {
      const item = items[i]!;
      found[next[item]!] = row;
      next[item]! += 1;
    }
  }
  return { first: start, items: found };
}

/** Items by the row that each is in. */
export function rowsBy(row: Int32Array, rows: number): Rows {
  const first = Int32Array.from({ length: row.length + 1 }, (_, i) => i);
  return turned({ first, items: row }, rows);
}

/**
 * What the bricks around each switch can offer together: a group is a switch, and what is plugged into
 * it can meet there in one hop. Only bricks count that may be used and have an open transceiver. These
 * are summaries for finding a switch to try: what a try finds there is looked at brick by brick.
 */
export class Groups {
  readonly #state: State;
  /** Bricks by switch. */
  readonly computes: Rows;
  readonly memories: Rows;
  readonly #ofCompute: Rows;
  readonly #ofMemory: Rows;
  /** The longest free run of any memory brick. */
  readonly run: ClassSets;
  /** Free segments of all memory bricks. */
  readonly free: ClassSets;
  /** One more than the most cores that an island has free; 0: no compute brick counts. */
  readonly cores: ClassFloors;
  /** One more than the most local memory of a brick. */
  readonly local: ClassFloors;

  constructor(state: State) {
    const { adjacency, compute, memory, switches } = state.graph.columns;
    this.#state = state;
    this.computes = adjacency.computes;
    this.memories = adjacency.memories;
    this.#ofCompute = turned(this.computes, compute.count);
    this.#ofMemory = turned(this.memories, memory.count);
    this.run = new ClassSets(switches.count);
    this.free = new ClassSets(switches.count);
    this.cores = new ClassFloors(switches.count);
    this.local = new ClassFloors(switches.count);
    for (let s = 0; s < switches.count; s += 1) this.switchChanged(s);
  }

  switchChanged(index: number): void {
    this.#countMemory(index);
    this.#countCompute(index);
  }

  computeChanged(compute: number): void {
    const { first, items } = this.#ofCompute;
    for (let i = first[compute]!; i < first[compute + 1]!; i += 1) this.#countCompute(items[i]!);
  }

  memoryChanged(memory: number): void {
    const { first, items } = this.#ofMemory;
    for (let i = first[memory]!; i < first[memory + 1]!; i += 1) this.#countMemory(items[i]!);
  }

  #countMemory(index: number): void {
    const { segments, memoryUsable, memoryOpen, links } = this.#state;
    const { first, items } = this.memories;
    let run = 0;
    let free = 0;
    if (links.switchUsable[index] === 1) {
      for (let i = first[index]!; i < first[index + 1]!; i += 1) {
        const m = items[i]!;
        if (memoryUsable[m] === 0 || memoryOpen[m]! <= 0) continue;
        free += segments.freeCount[m]!;
        if (segments.longest[m]! > run) run = segments.longest[m]!;
      }
    }
    this.run.set(index, run);
    this.free.set(index, free);
  }

  #countCompute(index: number): void {
    const state = this.#state;
    const { first, items } = this.computes;
    let cores = 0;
    let local = 0;
    if (state.links.switchUsable[index] === 1) {
      for (let i = first[index]!; i < first[index + 1]!; i += 1) {
        const c = items[i]!;
        if (state.computeUsable[c] === 0 || state.memportsFree[c] === 0) continue;
        if (state.computeOpen[c]! <= 0) continue;
        if (state.coresFree[c]! >= cores) cores = state.coresFree[c]! + 1;
        if (state.localFree[c]! >= local) local = state.localFree[c]! + 1;
      }
    }
    this.cores.set(index, cores);
    this.local.set(index, local);
  }
}
