import { SdmError } from '../../common/errors.js';
import type { State } from './state.js';
import type { ReleaseOptions, Reservation, ReservedPath, ReservedRun } from './types.js';

function never(message: string): SdmError {
  return new SdmError('SDM_INTERNAL', `${message}; release what reserve or restore gave, once`);
}

/** The slot of an open path. @throws SDM_INTERNAL if it is not this one. */
function slotOf({ paths }: State, compute: number, id: number, memory: number): number {
  const slot = paths.slotOf(id, compute);
  if (slot !== -1 && paths.memory[slot] === memory) return slot;
  throw never(`path ${id} of compute brick ${compute} to memory brick ${memory} is not open`);
}

function checkRun(state: State, compute: number, run: ReservedRun): void {
  const { segments } = state;
  const { memory, first, count, path } = run;
  slotOf(state, compute, path, memory);
  if (segments.exist(memory, first, count) && segments.has(segments.taken, memory, first, count))
    return;
  throw never(
    `segments ${first} to ${first + count - 1} of memory brick ${memory} are not all reserved`,
  );
}

/** Runs do not overlap, and each path has as many as they are. Few runs: every two are looked at. */
function checkTogether(state: State, compute: number, runs: readonly ReservedRun[]): void {
  for (let i = 0; i < runs.length; i += 1) {
    const run = runs[i]!;
    let onPath = 1;
    for (let j = 0; j < i; j += 1) {
      const other = runs[j]!;
      if (other.path === run.path) onPath += 1;
      if (other.memory !== run.memory) continue;
      if (other.first < run.first + run.count && run.first < other.first + other.count) {
        throw never(`segments from ${run.first} of memory brick ${run.memory} are there twice`);
      }
    }
    if (onPath > state.paths.runs(state.paths.slotOf(run.path, compute))) {
      throw never(`path ${run.path} has fewer runs than that`);
    }
  }
}

function checkLocal(state: State, { compute, island, cores, localMemory }: Reservation): void {
  const { islandFirst, islandCores, local } = state.graph.columns.compute;
  if (localMemory > local[compute]! - state.localFree[compute]!) {
    throw never(`compute brick ${compute} has less than ${localMemory} MiB reserved`);
  }
  if (cores === 0) return;
  const at = islandFirst[compute]! + island;
  if (cores > islandCores[at]! - state.islandFree[at]!) {
    throw never(
      `island ${island} of compute brick ${compute} has fewer than ${cores} cores reserved`,
    );
  }
}

/** Whether a run of the reservation that is not released uses the path. */
function stays(runs: readonly ReservedRun[], released: readonly number[], path: number): boolean {
  for (let i = 0; i < runs.length; i += 1) {
    if (runs[i]!.path === path && !released.includes(i)) return true;
  }
  return false;
}

function giveRuns(
  state: State,
  runs: readonly ReservedRun[],
  compute: number,
  dirty: boolean,
): void {
  for (let i = 0; i < runs.length; i += 1) {
    const { memory, first, count, path } = runs[i]!;
    state.segments.give(memory, first, count, dirty);
    state.paths.addRuns(state.paths.slotOf(path, compute), -1);
  }
  state.memportsFree[compute]! += runs.length;
}

function givePaths(state: State, given: readonly ReservedPath[], compute: number): void {
  const { paths } = state;
  for (let i = 0; i < given.length; i += 1) {
    const { id, util, memory } = given[i]!;
    const slot = paths.slotOf(id, compute);
    paths.take(slot, -util);
    if (paths.runs(slot) === 0) paths.remove(slot, compute);
    state.memoryChanged(memory);
    state.recent = state.groups.groupOf(memory, state.recent);
  }
}

/** As `Reservations.release`. */
export function release(
  state: State,
  reservation: Reservation,
  { runs: indices, dirty = false }: ReleaseOptions,
): Reservation | undefined {
  const { compute, island, cores, localMemory, runs, paths } = reservation;
  const some = indices === undefined ? runs : [...new Set(indices)].map((i) => runs[i]!);
  if (some.includes(undefined as never)) throw never('there is no such run');
  for (let i = 0; i < some.length; i += 1) checkRun(state, compute, some[i]!);
  checkTogether(state, compute, some);
  for (let i = 0; i < paths.length; i += 1) {
    const { id, memory, util } = paths[i]!;
    if (util <= state.paths.util(slotOf(state, compute, id, memory))) continue;
    throw never(`less than ${util} percent of path ${id} is reserved`);
  }
  if (indices === undefined) {
    checkLocal(state, reservation);
    giveRuns(state, runs, compute, dirty);
    givePaths(state, paths, compute);
    state.takeLocal(compute, island, -cores, -localMemory);
    state.computeChanged(compute);
    return undefined;
  }
  const gone = paths.filter(({ id }) => !stays(runs, indices, id));
  giveRuns(state, some, compute, dirty);
  givePaths(state, gone, compute);
  for (const { memory } of some) state.memoryChanged(memory);
  state.computeChanged(compute);
  const left = runs.filter((_, i) => !indices.includes(i));
  if (left.length === 0 && cores === 0 && localMemory === 0) return undefined;
  return { ...reservation, runs: left, paths: paths.filter((path) => !gone.includes(path)) };
}
