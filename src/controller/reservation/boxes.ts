import type { Rows } from '../inventory/graph-adjacency.js';
import { rowsBy } from './groups.js';
import type { State } from './state.js';

/** Free segments of what may be used, counted when they are asked for. */
export class Boxes {
  readonly #state: State;
  readonly #memories: Rows;

  constructor(state: State) {
    const { memory, boxId } = state.graph.columns;
    this.#state = state;
    this.#memories = rowsBy(memory.box, boxId.length);
  }

  /** In the box of a compute brick. */
  free(compute: number): number {
    const { segments, memoryUsable, graph } = this.#state;
    const box = graph.columns.compute.box[compute]!;
    const { first, items } = this.#memories;
    let sum = 0;
    for (let i = first[box]!; i < first[box + 1]!; i += 1) {
      const m = items[i]!;
      if (memoryUsable[m] === 1) sum += segments.freeCount[m]!;
    }
    return sum;
  }

  /** In all of them. */
  freeEverywhere(): number {
    const { segments, memoryUsable } = this.#state;
    let sum = 0;
    for (let m = 0; m < memoryUsable.length; m += 1) {
      if (memoryUsable[m] === 1) sum += segments.freeCount[m]!;
    }
    return sum;
  }
}
