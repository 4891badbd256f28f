import { SdmError } from '../../common/errors.js';
import type { State } from './state.js';
import type { Reservation, ReservedPath, ReservedRun } from './types.js';

function conflict(message: string): SdmError {
  return new SdmError(
    'SDM_CONFLICT',
    `${message}; a reservation that is restored has to fit the topology`,
  );
}

function checkLocal(
  state: State,
  { compute, island, cores, localMemory, runs }: Reservation,
): void {
  const { compute: computes } = state.graph.columns;
  if (!(compute >= 0 && compute < computes.count))
    throw conflict(`there is no compute brick ${compute}`);
  const name = state.graph.computeName(compute);
  const wrong = (what: string, asked: number, found: number): SdmError =>
    conflict(`${asked} ${what} of compute brick ${name} are to be taken, ${found} are free`);
  if (localMemory > state.localFree[compute]!) {
    throw wrong('MiB', localMemory, state.localFree[compute]!);
  }
  if (runs.length > state.memportsFree[compute]!) {
    throw wrong('memports', runs.length, state.memportsFree[compute]!);
  }
  if (cores === 0) return;
  const first = computes.islandFirst[compute]!;
  const free =
    first + island < computes.islandFirst[compute + 1]! ? state.islandFree[first + island]! : 0;
  if (island < 0 || cores > free)
    throw wrong(`cores of island ${island}`, cores, island < 0 ? 0 : free);
}

/** Endpoints of a path as `Paths.put` takes them. @throws SDM_CONFLICT if it is not wired like that. */
function endsOf(state: State, path: ReservedPath): { from: number; to: number; between: number[] } {
  const { compute, memory, switches } = state.graph.columns;
  const { far } = state.links;
  const transceiver = (
    bricks: typeof compute | typeof memory,
    brick: number,
    number: number,
  ): number => {
    if (!(brick >= 0 && brick < bricks.count)) throw conflict(`path ${path.id} is to no brick`);
    if (number >= 0 && number < bricks.transceivers[brick]!)
      return bricks.endpoint[brick]! + number;
    throw conflict(`path ${path.id} uses transceiver ${number} of a brick without it`);
  };
  const from = transceiver(compute, path.compute, path.computeTransceiver);
  const to = transceiver(memory, path.memory, path.memoryTransceiver);
  const ports: number[] = [];
  for (const { switch: index, in: into, out } of path.hops) {
    for (const port of [into, out]) {
      if (!(port >= 0 && port < (switches.ports[index] ?? 0))) {
        throw conflict(`path ${path.id} uses port ${port} of switch ${index}, which has none`);
      }
      ports.push(switches.endpoint[index]! + port);
    }
  }
  const way = [from, ...ports, to];
  if (new Set(way).size !== way.length) throw conflict(`path ${path.id} goes through a port twice`);
  for (let i = 0; i < way.length; i += 2) {
    if (far[way[i]!] === way[i + 1]) continue;
    const ends = [way[i]!, way[i + 1]!].map((end) => state.graph.endpointName(end));
    throw conflict(`path ${path.id} needs a link between ${ends.join(' and ')}`);
  }
  return { from, to, between: ports.slice(1, -1) };
}

function checkCircuits(state: State, path: ReservedPath): void {
  const { switches } = state.graph.columns;
  for (const { switch: index, in: into, out } of path.hops) {
    if (!state.links.isOptical(index)) {
      if (into !== out) continue;
      throw conflict(
        `path ${path.id} leaves switch ${state.graph.switchName(index)} where it came in`,
      );
    }
    const first = switches.endpoint[index]!;
    if (state.links.joinable(first + into, first + out)) continue;
    throw conflict(
      `path ${path.id} needs ports ${into} and ${out} of switch ${state.graph.switchName(index)} joined, which another circuit has`,
    );
  }
}

/** Opens a path, or finds it open, and takes its util. @returns what undoes that. */
function restorePath(state: State, path: ReservedPath): () => void {
  const { paths } = state;
  const { compute, memory, util, id } = path;
  const { from, to, between } = endsOf(state, path);
  const slot = paths.slotOf(id, compute);
  if (slot === -1) throw conflict(`path ${id} is none of compute brick ${compute}`);
  const fresh = paths.memory[slot] === -1;
  if (fresh) {
    checkCircuits(state, path);
    paths.put(slot, compute, memory, from, to, between);
  } else {
    const there = paths.between(slot);
    const same =
      paths.memory[slot] === memory && paths.from(slot) === from && paths.to(slot) === to;
    if (!same || there.length !== between.length || between.some((port, i) => port !== there[i])) {
      throw conflict(`path ${id} of compute brick ${compute} is another one already`);
    }
  }
  const undo = (): void => {
    if (fresh) paths.remove(slot, compute);
  };
  // Whether switches may be used now does not matter: it was reserved when they could.
  if (!paths.fits(slot, util, true)) {
    undo();
    throw conflict(`path ${id} of compute brick ${compute} has less than ${util} percent left`);
  }
  paths.take(slot, util);
  return () => {
    paths.take(slot, -util);
    undo();
  };
}

function restoreRun(state: State, compute: number, run: ReservedRun, ids: Set<number>): () => void {
  const { segments, paths } = state;
  const { memory, first, count, path } = run;
  const range = `segments ${first} to ${first + count - 1} of memory brick ${memory}`;
  if (!segments.exist(memory, first, count)) throw conflict(`there are no ${range}`);
  const slot = paths.slotOf(path, compute);
  if (!ids.has(path) || paths.memory[slot] !== memory) {
    throw conflict(`path ${path} of ${range} is none of the reservation's to that brick`);
  }
  for (let n = first; n < first + count; n += 1) {
    if (!segments.has(segments.taken, memory, n, 1) && !segments.has(segments.dirty, memory, n, 1))
      continue;
    throw conflict(`segment ${n} of ${range} is taken, or waits for a scrub`);
  }
  segments.take(memory, first, count);
  paths.addRuns(slot, 1);
  return () => {
    paths.addRuns(slot, -1);
    segments.give(memory, first, count, false);
  };
}

/** As `Reservations.restore`. */
export function restore(state: State, reservation: Reservation): void {
  const { compute, island, cores, localMemory, runs, paths } = reservation;
  checkLocal(state, reservation);
  const undo: (() => void)[] = [];
  const changed = (): void => {
    for (const { memory } of paths) state.memoryChanged(memory);
    state.computeChanged(compute);
  };
  try {
    const ids = new Set<number>();
    for (const path of paths) {
      if (path.compute !== compute) throw conflict(`path ${path.id} is of another compute brick`);
      if (ids.has(path.id)) throw conflict(`path ${path.id} is there twice`);
      if (!runs.some((run) => run.path === path.id)) throw conflict(`path ${path.id} has no run`);
      ids.add(path.id);
      undo.push(restorePath(state, path));
    }
    for (const run of runs) undo.push(restoreRun(state, compute, run, ids));
  } catch (error) {
    for (const back of undo.reverse()) back();
    if (paths.every(({ memory }) => memory >= 0 && memory < state.memoryUsable.length)) changed();
    throw error;
  }
  state.memportsFree[compute]! -= runs.length;
  state.takeLocal(compute, island, cores, localMemory);
  changed();
}
