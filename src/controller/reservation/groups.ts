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
  /** What each brick counts for, which is nothing where it may not be used. */
  readonly #runOf: Int32Array;
  readonly #freeOf: Int32Array;
  readonly #coresOf: Int32Array;
  readonly #localOf: Int32Array;
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
    this.#runOf = new Int32Array(memory.count);
    this.#freeOf = new Int32Array(memory.count);
    this.#coresOf = new Int32Array(compute.count);
    this.#localOf = new Int32Array(compute.count);
    for (let c = 0; c < compute.count; c += 1) this.computeChanged(c);
    for (let m = 0; m < memory.count; m += 1) this.memoryChanged(m);
  }

  /** A group of a memory brick; `otherwise` if it is in none. */
  groupOf(memory: number, otherwise: number): number {
    const { first, items } = this.#ofMemory;
    return first[memory] === first[memory + 1] ? otherwise : items[first[memory]!]!;
  }

  /** Counts a group from its bricks. */
  switchChanged(index: number): void {
    const usable = this.#state.links.switchUsable[index] === 1;
    const { first, items } = this.memories;
    let free = 0;
    for (let i = first[index]!; usable && i < first[index + 1]!; i += 1) {
      free += this.#freeOf[items[i]!]!;
    }
    this.free.set(index, free);
    this.run.set(index, usable ? most(this.memories, index, this.#runOf) : 0);
    this.cores.set(index, usable ? most(this.computes, index, this.#coresOf) : 0);
    this.local.set(index, usable ? most(this.computes, index, this.#localOf) : 0);
  }

  /** What a compute brick counts for was changed. */
  computeChanged(compute: number): void {
    const state = this.#state;
    const counts =
      state.computeUsable[compute] === 1 &&
      state.memportsFree[compute]! > 0 &&
      state.computeOpen[compute]! > 0;
    const cores = counts ? state.coresFree[compute]! + 1 : 0;
    const local = counts ? state.localFree[compute]! + 1 : 0;
    const coresWere = this.#coresOf[compute]!;
    const localWere = this.#localOf[compute]!;
    if (cores === coresWere && local === localWere) return;
    this.#coresOf[compute] = cores;
    this.#localOf[compute] = local;
    const { first, items } = this.#ofCompute;
    for (let i = first[compute]!; i < first[compute + 1]!; i += 1) {
      const group = items[i]!;
      if (state.links.switchUsable[group] === 0) continue;
      if (cores >= this.cores.amount[group]!) this.cores.set(group, cores);
      else if (coresWere === this.cores.amount[group]) {
        this.cores.set(group, most(this.computes, group, this.#coresOf));
      }
      if (local >= this.local.amount[group]!) this.local.set(group, local);
      else if (localWere === this.local.amount[group]) {
        this.local.set(group, most(this.computes, group, this.#localOf));
      }
    }
  }

  memoryChanged(memory: number): void {
    const { segments, memoryUsable, memoryOpen, links } = this.#state;
    const counts = memoryUsable[memory] === 1 && memoryOpen[memory]! > 0;
    const run = counts ? segments.longest[memory]! : 0;
    const free = counts ? segments.freeCount[memory]! : 0;
    const runWas = this.#runOf[memory]!;
    const freeWas = this.#freeOf[memory]!;
    if (run === runWas && free === freeWas) return;
    this.#runOf[memory] = run;
    this.#freeOf[memory] = free;
    const { first, items } = this.#ofMemory;
    for (let i = first[memory]!; i < first[memory + 1]!; i += 1) {
      const group = items[i]!;
      if (links.switchUsable[group] === 0) continue;
      this.free.set(group, this.free.amount[group]! + free - freeWas);
      if (run >= this.run.amount[group]!) this.run.set(group, run);
      else if (runWas === this.run.amount[group]) {
        this.run.set(group, most(this.memories, group, this.#runOf));
      }
    }
  }
}

function most({ first, items }: Rows, row: number, amounts: Int32Array): number {
  let found = 0;
  for (let i = first[row]!; i < first[row + 1]!; i += 1) {
    const amount = amounts[items[i]!]!;
    if (amount > found) found = amount;
  }
  return found;
}
