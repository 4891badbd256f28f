import { SdmError } from '../../common/errors.js';
import type { Graph } from '../inventory/graph.js';
import { checkState, snapshotOf } from './check.js';
import { Explainer } from './explain.js';
import { readRequest } from './input.js';
import { Placement, WALKS, type Wanted } from './placement.js';
import { POLICIES } from './policies/index.js';
import { release } from './release.js';
import { restore } from './restore.js';
import { State } from './state.js';
import { totalsOf } from './totals.js';
import type {
  Refusal,
  ReleaseOptions,
  Reservation,
  Reservations,
  ReserveRequest,
  Totals,
} from './types.js';

/** As WALKS, for the requests that are tried for `nearest`: there are some dozens of them. */
const TRIED_WALKS = 4;

export function isRefusal(answer: Reservation | Refusal): answer is Refusal {
  return 'refused' in answer;
}

/**
 * Who has reserved what of a graph, and what to give to whom. Synchronous and without I/O: its caller
 * makes things durable. Nothing is changed by what is refused or throws.
 */
export class ReservationCore implements Reservations {
  readonly graph: Graph;
  readonly #state: State;
  readonly #placement: Placement;
  readonly #explainer: Explainer;
  readonly #wanted: Wanted = {
    compute: -1,
    island: -1,
    cores: 0,
    local: 0,
    segments: 0,
    util: 0,
    rules: POLICIES.nearest,
  };

  constructor(graph: Graph) {
    this.graph = graph;
    this.#state = new State(graph);
    this.#placement = new Placement(this.#state);
    this.#explainer = new Explainer(this.#state, this.#placement, (request) => this.#fits(request));
  }

  reserve(request: ReserveRequest): Reservation | Refusal {
    const wanted = this.#wanted;
    readRequest(this.graph, request, wanted);
    if (!this.#place(request, wanted)) return this.#explainer.refusal(request);
    return this.#commit(wanted);
  }

  plan(request: ReserveRequest): Reservation | Refusal {
    const { cursor } = this.#placement;
    const answer = this.reserve(request);
    if (!isRefusal(answer)) this.release(answer);
    this.#placement.cursor = cursor;
    return answer;
  }

  explain(request: ReserveRequest): Refusal | 'fits' {
    const answer = this.plan(request);
    return isRefusal(answer) ? answer : 'fits';
  }

  /** As `plan`, without a refusal's reasons. */
  #fits(request: ReserveRequest): boolean {
    const { cursor } = this.#placement;
    const wanted = this.#wanted;
    readRequest(this.graph, request, wanted);
    this.#placement.walks = TRIED_WALKS;
    const fits = this.#place(request, wanted);
    this.#placement.walks = WALKS;
    if (fits) this.release(this.#commit(wanted));
    this.#placement.cursor = cursor;
    return fits;
  }

  #place(request: ReserveRequest, wanted: Wanted): boolean {
    const memory = request.memory ?? 0;
    if (memory === 0) return this.#placement.place(wanted);
    return this.#placement.placeMemory(wanted, memory, request.localAtMost ?? memory);
  }

  /** Takes cores and local memory where the placement took remote memory, and tells what it all is. */
  #commit({ cores, local, segments }: Wanted): Reservation {
    const { compute, island, claim } = this.#placement;
    const state = this.#state;
    state.takeLocal(compute, island, cores, local);
    state.computeChanged(compute);
    return {
      compute,
      island,
      cores,
      localMemory: local,
      runs: segments === 0 ? [] : claim.runs(),
      paths: segments === 0 ? [] : claim.paths(),
    };
  }

  release(reservation: Reservation, options: ReleaseOptions = {}): Reservation | undefined {
    return release(this.#state, reservation, options);
  }

  restore(reservation: Reservation): void {
    restore(this.#state, reservation);
  }

  #segments(memory: number, first: number, count: number): void {
    if (this.#state.segments.exist(memory, first, count)) return;
    throw new SdmError(
      'SDM_INPUT',
      `memory brick ${memory} has no segments ${first} to ${first + count - 1}`,
    );
  }

  markDirty(memory: number, first: number, count: number): void {
    this.#segments(memory, first, count);
    const { segments } = this.#state;
    for (let n = first; n < first + count; n += 1) {
      if (!segments.has(segments.taken, memory, n, 1)) continue;
      throw new SdmError(
        'SDM_CONFLICT',
        `segment ${n} of memory brick ${this.graph.memoryName(memory)} is reserved: it cannot wait for a scrub`,
      );
    }
    segments.markDirty(memory, first, count);
    this.#state.memoryChanged(memory);
  }

  clean(memory: number, first: number, count: number): void {
    this.#segments(memory, first, count);
    const { segments } = this.#state;
    if (!segments.has(segments.dirty, memory, first, count)) {
      throw new SdmError(
        'SDM_CONFLICT',
        `not all of segments ${first} to ${first + count - 1} of memory brick ${this.graph.memoryName(memory)} wait for a scrub`,
      );
    }
    segments.clean(memory, first, count);
    this.#state.memoryChanged(memory);
  }

  quarantine(memory: number, first: number, count: number): void {
    this.#segments(memory, first, count);
    this.#state.segments.quarantine(memory, first, count);
    this.#state.memoryChanged(memory);
  }

  unquarantine(memory: number, first: number, count: number): void {
    this.#segments(memory, first, count);
    this.#state.segments.unquarantine(memory, first, count);
    this.#state.memoryChanged(memory);
  }

  setComputeUsable(compute: number, usable: boolean): void {
    this.#state.computeUsable[compute] = usable ? 1 : 0;
    this.#state.computeChanged(compute);
  }

  setMemoryUsable(memory: number, usable: boolean): void {
    this.#state.memoryUsable[memory] = usable ? 1 : 0;
    this.#state.memoryChanged(memory);
  }

  setSwitchUsable(index: number, usable: boolean): void {
    this.#state.links.switchUsable[index] = usable ? 1 : 0;
    this.#state.groups.switchChanged(index);
  }

  totals(): Totals {
    return totalsOf(this.#state);
  }

  /** For who shows bricks and switches: what is free of each, by index. Read only. */
  get state(): Readonly<State> {
    return this.#state;
  }

  /** Counts everything again from its parts. @throws SDM_INTERNAL: something does not add up. */
  check(): void {
    checkState(this.#state);
  }

  /** All that reservations change, to be compared. */
  snapshot(): Record<string, unknown> {
    return snapshotOf(this.#state);
  }
}
