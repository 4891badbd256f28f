import type { State } from './state.js';
import type { Totals } from './types.js';

function sum(column: Int32Array | Uint16Array): number {
  let total = 0;
  for (let i = 0; i < column.length; i += 1) total += column[i]!;
  return total;
}

/** Counts all bricks: a millisecond in the largest site. Bricks that are not usable count as they are. */
export function totalsOf(state: State): Totals {
  const { compute, memory } = state.graph.columns;
  const { segments } = state;
  let dirty = 0;
  let quarantined = 0;
  for (let m = 0; m < memory.count; m += 1) {
    dirty += segments.countIn(segments.dirty, m);
    quarantined += segments.countIn(segments.quarantined, m);
  }
  return {
    cores: sum(compute.islandCores),
    coresFree: sum(state.islandFree),
    coresFreeInIsland: state.coresFree.reduce((most, free) => (free > most ? free : most), 0),
    localMemory: sum(compute.local),
    localMemoryFree: sum(state.localFree),
    segments: sum(memory.segments),
    segmentsFree: sum(segments.freeCount),
    segmentsDirty: dirty,
    segmentsQuarantined: quarantined,
    paths: state.paths.count,
    circuits: state.links.circuits,
  };
}
