import { SdmError } from '../../common/errors.js';
import { State } from './state.js';

function wrong(message: string): SdmError {
  return new SdmError('SDM_INTERNAL', `reservations do not add up: ${message}`);
}

function same(what: string, found: ArrayLike<number>, expected: ArrayLike<number>): void {
  for (let i = 0; i < expected.length; i += 1) {
    if (found[i] !== expected[i]) throw wrong(`${what} ${i} is ${found[i]}, not ${expected[i]}`);
  }
}

/** Sums what all open paths take, and compares it with what is left. */
function checkPaths(state: State): void {
  const { graph, links, paths } = state;
  const fresh = new State(graph);
  let count = 0;
  const { compute } = graph.columns;
  for (let c = 0; c < compute.count; c += 1) {
    let runs = 0;
    let open = 0;
    for (let slot = paths.first[c]!; slot < paths.first[c + 1]!; slot += 1) {
      const memory = paths.memory[slot]!;
      if (memory === -1) continue;
      if (paths.runs(slot) === 0) throw wrong(`path ${slot} is open without a run`);
      open += 1;
      runs += paths.runs(slot);
      const between = Array.from(paths.between(slot));
      fresh.paths.put(slot, c, memory, paths.from(slot), paths.to(slot), between);
      fresh.paths.take(slot, paths.util(slot));
    }
    if (open !== paths.open[c]) throw wrong(`compute brick ${c} has ${open} paths`);
    if (runs + state.memportsFree[c]! !== compute.memports[c]) throw wrong(`memports of ${c}`);
    count += open;
  }
  if (count !== paths.count) throw wrong(`${count} paths are open, ${paths.count} counted`);
  same('link', links.linkFree, fresh.links.linkFree);
  same('transceiver', links.transceiverFree, fresh.links.transceiverFree);
  same('switch', links.switchFree, fresh.links.switchFree);
  same('peer', links.peer, fresh.links.peer);
  same('circuit', links.circuitPaths, fresh.links.circuitPaths);
  if (links.circuits !== fresh.links.circuits) throw wrong('number of circuits');
  for (const [what, column] of [
    ['link', links.linkFree],
    ['transceiver', links.transceiverFree],
    ['switch', links.switchFree],
    ['island', state.islandFree],
    ['local memory', state.localFree],
    ['memports', state.memportsFree],
  ] as const) {
    const at = column.findIndex((left) => left < 0);
    if (at !== -1) throw wrong(`${what} ${at} has ${column[at]} left`);
  }
}

function checkSegments({ graph, segments }: State): void {
  const { memory } = graph.columns;
  const sum = segments.freeCount.reduce((total, free) => total + free, 0);
  if (sum !== segments.totalFree)
    throw wrong(`${segments.totalFree} segments are free, not ${sum}`);
  for (let m = 0; m < memory.count; m += 1) {
    let longest = 0;
    let run = 0;
    let free = 0;
    for (let n = 0; n < memory.segments[m]!; n += 1) {
      const is = (bitmap: Int32Array): boolean => segments.has(bitmap, m, n, 1);
      const kept = is(segments.taken) || is(segments.dirty) || is(segments.quarantined);
      if (is(segments.free) === kept) throw wrong(`segment ${n} of ${m} is free and is not`);
      if (is(segments.taken) && is(segments.dirty))
        throw wrong(`segment ${n} of ${m} is dirty in use`);
      run = kept ? 0 : run + 1;
      if (!kept) free += 1;
      if (run > longest) longest = run;
    }
    if (free !== segments.freeCount[m]) throw wrong(`free segments of ${m}`);
    if (longest !== segments.longest[m]) throw wrong(`longest run of ${m}`);
    const bits = ((memory.segments[m]! + 31) >> 5) << 5;
    for (let n = memory.segments[m]!; n < bits; n += 1) {
      if (segments.has(segments.free, m, n, 1))
        throw wrong(`segment ${n} of ${m} is free beyond its end`);
    }
  }
}

/** Summaries are what they would be if they were made now. */
function checkSummaries(state: State): void {
  const { groups, graph, links } = state;
  const { compute, memory, switches } = graph.columns;
  const most = new Int32Array(compute.count);
  for (let c = 0; c < compute.count; c += 1) {
    const { islandFirst } = compute;
    most[c] = Math.max(0, ...state.islandFree.subarray(islandFirst[c], islandFirst[c + 1]));
  }
  same('cores free', state.coresFree, most);
  same(
    'open',
    state.computeOpen,
    most.map((_, c) => links.mostOpen(compute, c)),
  );
  same(
    'open',
    state.memoryOpen,
    state.memoryUsable.length === 0
      ? []
      : Int32Array.from({ length: memory.count }, (_, m) => links.mostOpen(memory, m)),
  );
  const amounts = [groups.run, groups.free, groups.cores, groups.local];
  const before = amounts.map(({ amount, bits }) => [amount.slice(), bits.slice()] as const);
  for (let s = 0; s < switches.count; s += 1) groups.switchChanged(s);
  amounts.forEach(({ amount, bits }, i) => {
    same('group', before[i]![0], amount);
    same('class', before[i]![1], bits);
  });
}

/** @throws SDM_INTERNAL. Takes its time: for tests, and for an operator's check. */
export function checkState(state: State): void {
  checkPaths(state);
  checkSegments(state);
  checkSummaries(state);
}

/** Copies of all columns that reservations change. */
export function snapshotOf(state: State): Record<string, unknown> {
  const { segments, links, paths, groups } = state;
  return structuredClone({
    free: segments.free,
    taken: segments.taken,
    dirty: segments.dirty,
    quarantined: segments.quarantined,
    freeCount: segments.freeCount,
    longest: segments.longest,
    linkFree: links.linkFree,
    transceiverFree: links.transceiverFree,
    switchFree: links.switchFree,
    switchUsable: links.switchUsable,
    peer: links.peer,
    circuitPaths: links.circuitPaths,
    circuits: links.circuits,
    // What an unused slot was once is nothing.
    paths: Array.from(paths.memory, (memory, slot) =>
      memory === -1
        ? null
        : [
            memory,
            paths.from(slot),
            paths.to(slot),
            paths.util(slot),
            paths.runs(slot),
            ...paths.between(slot),
          ],
    ),
    open: paths.open,
    islandFree: state.islandFree,
    coresFree: state.coresFree,
    localFree: state.localFree,
    memportsFree: state.memportsFree,
    computeUsable: state.computeUsable,
    memoryUsable: state.memoryUsable,
    computeOpen: state.computeOpen,
    memoryOpen: state.memoryOpen,
    groups: [groups.run.amount, groups.free.amount, groups.cores.amount, groups.local.amount],
  });
}
