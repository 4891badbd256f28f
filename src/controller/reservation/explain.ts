import type { Stop } from './claim.js';
import type { Placement, Wanted } from './placement.js';
import { readRequest } from './input.js';
import { POLICIES } from './policies/index.js';
import type { State } from './state.js';
import type { Refusal, RefusedResource, ReserveRequest, Where } from './types.js';

const SITE: Where = { kind: 'site' };

interface Reason {
  readonly resource: RefusedResource;
  readonly where: Where;
  readonly asked: number;
  readonly found: number;
}

/** Compute bricks by what they have: the most of each, and whether one has all that is wanted. */
interface Most {
  cores: number;
  local: number;
  memports: number;
  open: number;
  /** Bricks with enough cores and local memory. */
  suitable: number;
  /** The most memports, and open capacity, of those. */
  memportsOfSuitable: number;
  openOfSuitable: number;
}

/** Says why a request was refused, and looks for one like it that would be granted. */
export class Explainer {
  readonly #state: State;
  readonly #placement: Placement;
  readonly #fits: (request: ReserveRequest) => boolean;

  /** @param fits tries a request, and leaves everything as it was. */
  constructor(state: State, placement: Placement, fits: (request: ReserveRequest) => boolean) {
    this.#state = state;
    this.#placement = placement;
    this.#fits = fits;
  }

  /** @param request one that was refused just now. */
  refusal(request: ReserveRequest): Refusal {
    const reason = this.#reason(request);
    const nearest = this.#nearest(request, reason);
    return { refused: true, ...reason, ...(nearest === undefined ? {} : { nearest }) };
  }

  /** A request with the local part of `memory` as small as it may be: what must be there at least. */
  #least(request: ReserveRequest): Wanted {
    const wanted: Wanted = {
      compute: -1,
      island: -1,
      cores: 0,
      local: 0,
      segments: 0,
      util: 0,
      rules: POLICIES.nearest,
    };
    readRequest(this.#state.graph, request, wanted);
    const { memory = 0, localAtMost = memory } = request;
    if (memory === 0) return wanted;
    const most = wanted.compute === -1 ? 0 : this.#state.localFree[wanted.compute]! - wanted.local;
    const here = Math.max(0, Math.min(memory, localAtMost, most));
    wanted.segments += Math.ceil((memory - here) / this.#state.graph.segmentMiB);
    return wanted;
  }

  #reason(request: ReserveRequest): Reason {
    const { stop } = this.#placement.claim;
    const wanted = this.#least(request);
    const { compute, cores, local, segments, util } = wanted;
    const where: Where = compute === -1 ? SITE : { kind: 'compute', compute };
    const most = this.#most(wanted);
    if (most.cores < cores)
      return { resource: 'cores', where, asked: cores, found: Math.max(0, most.cores) };
    if (most.local < local) {
      return { resource: 'local-memory', where, asked: local, found: Math.max(0, most.local) };
    }
    const free = this.#free(wanted);
    if (segments > free.found && request.memory === undefined) {
      return { resource: 'segments', where: free.where, asked: segments, found: free.found };
    }
    if (most.suitable === 0) {
      return { resource: 'combination', where, asked: cores, found: 0 };
    }
    if (segments > 0 && most.memportsOfSuitable === 0) {
      const resource = most.memports > 0 && compute === -1 ? 'combination' : 'memports';
      return { resource, where, asked: 1, found: 0 };
    }
    if (segments > free.found) {
      return { resource: 'segments', where: free.where, asked: segments, found: free.found };
    }
    if (most.openOfSuitable < util && !this.#fits({ ...request, pathUtil: 0 })) {
      return {
        resource: 'transceiver',
        where,
        asked: util,
        found: Math.max(0, most.openOfSuitable),
      };
    }
    return this.#reasonOnTheWay(request, wanted, where, stop);
  }

  /** Bricks have it all: it is memports of the one, or what lies between them. */
  #reasonOnTheWay(request: ReserveRequest, wanted: Wanted, where: Where, stop: Stop): Reason {
    const { util, segments } = wanted;
    const best = this.#largest(0, util - 1, (pathUtil) => ({ ...request, pathUtil }));
    if (best !== undefined) return { resource: 'path', where, asked: util, found: best.pathUtil };
    if (stop === 'memports') {
      const runs = this.#largest(0, segments - 1, (count) => ({ ...request, segments: count }));
      if (runs !== undefined && request.memory === undefined && wanted.compute !== -1) {
        const found = this.#state.memportsFree[wanted.compute]!;
        return { resource: 'memports', where, asked: found + 1, found };
      }
    }
    if (wanted.rules.sameBox || request.memory !== undefined) {
      return { resource: 'combination', where, asked: segments, found: 0 };
    }
    const fewer = this.#largest(0, segments - 1, (count) => ({ ...request, segments: count }));
    if (fewer === undefined || segments === 0) {
      return { resource: 'combination', where, asked: segments, found: 0 };
    }
    if (wanted.compute === -1 && fewer.segments > 0) {
      return { resource: 'combination', where, asked: segments, found: fewer.segments };
    }
    return { resource: 'path', where, asked: util, found: 0 };
  }

  #most({ compute, cores, local, segments, island }: Wanted): Most {
    const state = this.#state;
    const { count, islandFirst } = state.graph.columns.compute;
    const most: Most = {
      cores: -1,
      local: -1,
      memports: 0,
      open: -1,
      suitable: 0,
      memportsOfSuitable: 0,
      openOfSuitable: -1,
    };
    const from = compute === -1 ? 0 : compute;
    const end = compute === -1 ? count : compute + 1;
    for (let c = from; c < end; c += 1) {
      if (state.computeUsable[c] === 0) continue;
      const free =
        island === -1 ? state.coresFree[c]! : state.islandFree[islandFirst[c]! + island]!;
      const open = this.#open(c);
      most.cores = Math.max(most.cores, free);
      most.local = Math.max(most.local, state.localFree[c]!);
      most.memports = Math.max(most.memports, state.memportsFree[c]!);
      most.open = Math.max(most.open, open);
      if (free < cores || state.localFree[c]! < local) continue;
      most.suitable += 1;
      most.memportsOfSuitable = Math.max(most.memportsOfSuitable, state.memportsFree[c]!);
      if (segments > 0) most.openOfSuitable = Math.max(most.openOfSuitable, open);
    }
    return most;
  }

  /** The most that any transceiver has left, also one that a circuit has. */
  #open(compute: number): number {
    const { links, graph } = this.#state;
    const { endpoint, transceivers } = graph.columns.compute;
    let most = -1;
    for (let t = 0; t < transceivers[compute]!; t += 1) {
      const at = endpoint[compute]! + t;
      if (links.far[at] === -1) continue;
      most = Math.max(most, links.transceiverFree[at]!);
    }
    return most;
  }

  /** Free segments that the policy allows: of the site, or of the box with most (of the brick that is asked for). */
  #free({ compute, rules }: Wanted): { readonly found: number; readonly where: Where } {
    const { segments, memoryUsable, graph } = this.#state;
    const { memory, compute: computes, boxId } = graph.columns;
    const byBox = new Float64Array(boxId.length);
    let sum = 0;
    for (let m = 0; m < memory.count; m += 1) {
      if (memoryUsable[m] === 0) continue;
      sum += segments.freeCount[m]!;
      byBox[memory.box[m]!]! += segments.freeCount[m]!;
    }
    if (!rules.sameBox) return { found: sum, where: SITE };
    const box = compute === -1 ? byBox.indexOf(Math.max(...byBox)) : computes.box[compute]!;
    return { found: byBox[box] ?? 0, where: { kind: 'box', box } };
  }

  /**
   * The request of the largest number from `least` to `most` that fits, found by halving: more is not
   * always harder, but nearly.
   */
  #largest(
    least: number,
    most: number,
    make: (count: number) => ReserveRequest,
  ): ReserveRequest | undefined {
    if (most < least || !this.#fits(make(least))) return undefined;
    let low = least;
    let high = most + 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#fits(make(middle))) low = middle;
      else high = middle;
    }
    return make(low);
  }

  /** A request that is granted, changed where it was refused first of all. */
  #nearest(request: ReserveRequest, { resource }: Reason): ReserveRequest | undefined {
    const { cores = 0, localMemory = 0, memory = 0, segments, pathUtil } = request;
    const fewerCores = (): ReserveRequest | undefined =>
      this.#largest(cores > 0 ? 1 : 0, cores - 1, (count) => ({ ...request, cores: count }));
    const lessLocal = (): ReserveRequest | undefined =>
      this.#largest(0, localMemory - 1, (count) => ({ ...request, localMemory: count }));
    const fewerSegments = (): ReserveRequest | undefined =>
      this.#largest(1, segments - 1, (count) => ({ ...request, segments: count }));
    const lessMemory = (): ReserveRequest | undefined =>
      this.#largest(1, memory - 1, (count) => ({ ...request, memory: count }));
    const lessUtil = (): ReserveRequest | undefined =>
      this.#largest(0, pathUtil - 1, (count) => ({ ...request, pathUtil: count }));
    const anyBox = (): ReserveRequest | undefined => {
      const other: ReserveRequest = { ...request, policy: 'nearest' };
      return request.policy === 'same-box' && this.#fits(other) ? other : undefined;
    };
    const tries: Record<RefusedResource, readonly (() => ReserveRequest | undefined)[]> = {
      cores: [fewerCores],
      'local-memory': [lessLocal],
      segments: [anyBox, fewerSegments, lessMemory],
      transceiver: [lessUtil, fewerSegments, lessMemory],
      path: [lessUtil, fewerSegments, lessMemory],
      memports: [fewerSegments, lessMemory],
      combination: [anyBox],
    };
    const rest = [fewerSegments, lessMemory, lessUtil, fewerCores, lessLocal];
    for (const attempt of [
      ...tries[resource],
      ...rest.filter((t) => !tries[resource].includes(t)),
    ]) {
      const found = attempt();
      if (found !== undefined) return found;
    }
    return this.#lessOfAll(request);
  }

  /** Where more than one thing is too much: the most of each, after what comes before it here. */
  #lessOfAll(request: ReserveRequest): ReserveRequest | undefined {
    const { cores = 0, localMemory = 0, memory = 0, segments, pathUtil } = request;
    let found: ReserveRequest = {
      ...request,
      ...(cores > 1 ? { cores: 1 } : {}),
      ...(localMemory > 1 ? { localMemory: 1 } : {}),
      ...(memory > 1 ? { memory: 1 } : {}),
      ...{ segments: Math.min(segments, 1), pathUtil: 0 },
    };
    const raise = (key: 'cores' | 'localMemory' | 'memory' | 'segments', wanted: number): void => {
      if (wanted <= 1) return;
      found = this.#largest(1, wanted, (count) => ({ ...found, [key]: count })) ?? found;
    };
    if (!this.#fits(found)) return undefined;
    raise('cores', cores);
    raise('localMemory', localMemory);
    raise('memory', memory);
    raise('segments', segments);
    return this.#largest(0, pathUtil, (count) => ({ ...found, pathUtil: count })) ?? found;
  }
}
