import { Boxes } from './boxes.js';
import { Claim } from './claim.js';
import { CLASSES, classOf, type ClassSets } from './classes.js';
import type { PolicyRules } from './policies/types.js';
import { MAX_HOPS } from './paths.js';
import { lowest } from './segments.js';
import type { State } from './state.js';
import { Walk } from './walk.js';

/** A request without what a placement need not know: checked, with its defaults. */
export interface Wanted {
  compute: number;
  island: number;
  cores: number;
  /** MiB. */
  local: number;
  segments: number;
  util: number;
  rules: PolicyRules;
}

/** Groups that are tried for a whole run, and as many again for several, before all bricks are walked from. */
const TRIES = 8;
/** Groups that are looked at for each try that is made. */
const LOOKS = 64;
/** Compute bricks that are walked from in vain although as many segments are around as are wanted. */
export const WALKS = 64;

/**
 * Where a request goes. Summaries of groups (what meets at one switch) give the likely places in no time
 * that depends on the size of the site; if none of these will do, it walks from one compute brick after
 * the other.
 */
export class Placement {
  readonly #state: State;
  readonly walk: Walk;
  readonly claim: Claim;
  /** Where the last walk from any brick was lucky: the next one begins there, past what is full. */
  #brick = 0;
  /** WALKS, or fewer for a request that is only a try. */
  walks = WALKS;
  readonly #barren: Uint8Array;
  readonly #boxes: Boxes;
  /** What was chosen: the compute brick, and the island of its cores (-1: no cores). */
  compute = -1;
  island = -1;

  constructor(state: State) {
    this.#state = state;
    this.walk = new Walk(state);
    this.claim = new Claim(state, this.walk);
    this.#barren = new Uint8Array(state.graph.columns.switches.count);
    this.#boxes = new Boxes(state);
  }

  /** For `plan`, which is to leave no trace. */
  get cursor(): readonly [number, number] {
    return [this.#state.recent, this.#brick];
  }

  set cursor([group, brick]: readonly [number, number]) {
    this.#state.recent = group;
    this.#brick = brick;
  }

  /** Finds a place and takes the remote memory of it. false: nothing was taken. */
  place(wanted: Wanted): boolean {
    const { totalFree } = this.#state.segments;
    if (wanted.segments > totalFree) return false;
    if (wanted.compute !== -1) {
      return this.suits(wanted.compute, wanted) && this.#fill(wanted.compute, wanted);
    }
    if (wanted.segments === 0) return this.#local(wanted) || this.#anyBrick(wanted);
    const { run, free } = this.#state.groups;
    const ranked = wanted.rules.rank === 'run' ? run : free;
    if (wanted.rules.stay && this.#stay(wanted)) return true;
    return (
      this.#groups(wanted, ranked, true) ||
      this.#groups(wanted, free, false) ||
      this.#anyBrick(wanted)
    );
  }

  /**
   * As `place`, with `memory` MiB more, of which up to `atMost` are local, as many as can be had where it
   * goes, and the rest remote. Bricks with all of it are tried first, then those with half, and so on.
   */
  placeMemory(wanted: Wanted, memory: number, atMost: number): boolean {
    const { segmentMiB } = this.#state.graph;
    const { local, segments, compute } = wanted;
    const most = Math.min(memory, atMost);
    const split = (here: number): void => {
      wanted.local = local + here;
      wanted.segments = segments + Math.ceil((memory - here) / segmentMiB);
    };
    const hereOn = (c: number): number =>
      Math.max(0, Math.min(most, this.#state.localFree[c]! - local));
    if (compute !== -1) {
      split(hereOn(compute));
      return this.place(wanted);
    }
    for (let here = most; ; here = here < segmentMiB ? 0 : here >> 1) {
      split(here);
      if (this.place(wanted)) {
        const more = hereOn(this.compute);
        if (more === here) return true;
        this.claim.undo();
        wanted.compute = this.compute;
        split(more);
        if (this.place(wanted)) return true;
        split(here);
        return this.place(wanted);
      }
      if (here === 0) return false;
    }
  }

  /** Whether cores, local memory and memports of a compute brick will do; sets `compute` and `island`. */
  suits(compute: number, { cores, local, segments, island }: Wanted): boolean {
    const state = this.#state;
    if (state.computeUsable[compute] === 0 || state.localFree[compute]! < local) return false;
    if (state.coresFree[compute]! < cores) return false;
    if (segments > 0 && state.memportsFree[compute] === 0) return false;
    this.compute = compute;
    this.island = -1;
    if (cores === 0) return true;
    if (island === -1) {
      this.island = state.islandFor(compute, cores);
      return true;
    }
    this.island = island;
    const first = state.graph.columns.compute.islandFirst[compute]!;
    return state.islandFree[first + island]! >= cores;
  }

  #fill(compute: number, { segments, util, rules }: Wanted): boolean {
    this.claim.begin(compute, util);
    if (segments === 0 || this.claim.fill(segments, rules)) return true;
    this.claim.undo();
    if (segments > this.#state.segments.largest) return false;
    // Pieces nearby may have used up memports or links that one run further away does not need.
    return this.claim.whole(segments, rules, MAX_HOPS);
  }

  /** The group where something changed last: what has to be read of it is in the processor's cache. */
  #stay(wanted: Wanted): boolean {
    const { groups, recent } = this.#state;
    return (
      groups.run.amount[recent]! >= wanted.segments &&
      groups.cores.amount[recent]! > wanted.cores &&
      groups.local.amount[recent]! > wanted.local &&
      this.#tryGroup(recent, wanted, true)
    );
  }

  /**
   * Goes through the groups that have enough, the best ones first: those with a run for all of it, or
   * (not `whole`) as much in pieces.
   */
  #groups(wanted: Wanted, ranked: ClassSets, whole: boolean): boolean {
    const { segments, cores, local, rules } = wanted;
    const { groups } = this.#state;
    const { words } = ranked;
    const coreBits = groups.cores.bits;
    const localBits = groups.local.bits;
    const coresAt = classOf(cores + 1) * words;
    const localAt = classOf(local + 1) * words;
    const enough = whole ? groups.run.amount : groups.free.amount;
    const least = classOf(segments);
    const up = rules.from === 'least';
    const begin = this.#state.recent >> 5;
    let tries = TRIES;
    let looks = TRIES * LOOKS;
    let k = up ? ranked.next(least) : ranked.previous(CLASSES - 1);
    while (k < CLASSES && k >= least) {
      const at = k * words;
      for (let i = 0, w = begin; i < words; i += 1) {
        let bits = ranked.bits[at + w]! & coreBits[coresAt + w]! & localBits[localAt + w]!;
        while (bits !== 0) {
          const group = (w << 5) + lowest(bits);
          bits &= bits - 1;
          looks -= 1;
          if (enough[group]! >= segments) {
            if (this.#tryGroup(group, wanted, whole)) {
              this.#state.recent = group;
              return true;
            }
            tries -= 1;
          }
          if (tries === 0 || looks === 0) return false;
        }
        w += 1;
        if (w === words) w = 0;
      }
      k = up ? ranked.next(k + 1) : k === 0 ? -1 : ranked.previous(k - 1);
    }
    return false;
  }

  #tryGroup(group: number, wanted: Wanted, whole: boolean): boolean {
    const compute = this.#pick(group, wanted);
    if (compute === -1) return false;
    const { claim } = this;
    claim.begin(compute, wanted.util);
    if (whole) return claim.whole(wanted.segments, wanted.rules, 1);
    if (claim.fill(wanted.segments, wanted.rules, 1)) return true;
    claim.undo();
    return false;
  }

  /** The compute brick of a group that costs the policy least; -1: none will do. */
  #pick(group: number, wanted: Wanted): number {
    const { groups, computeOpen, coresFree, localFree } = this.#state;
    const { first, items } = groups.computes;
    let best = -1;
    let least = 0;
    for (let i = first[group]!; i < first[group + 1]!; i += 1) {
      const c = items[i]!;
      if (wanted.segments > 0 && computeOpen[c]! < wanted.util) continue;
      const cost = wanted.rules.computeCost(coresFree[c]!, localFree[c]!);
      if ((best === -1 || cost < least) && this.suits(c, wanted)) {
        best = c;
        least = cost;
      }
    }
    return best !== -1 && this.suits(best, wanted) ? best : -1;
  }

  /** Cores and local memory alone: any group that has them. */
  #local(wanted: Wanted): boolean {
    const { groups } = this.#state;
    const { words } = groups.cores;
    const coresAt = classOf(wanted.cores + 1) * words;
    const localAt = classOf(wanted.local + 1) * words;
    let tries = TRIES;
    for (let i = 0, w = this.#state.recent >> 5; i < words && tries > 0; i += 1) {
      let bits = groups.cores.bits[coresAt + w]! & groups.local.bits[localAt + w]!;
      for (; bits !== 0 && tries > 0; bits &= bits - 1, tries -= 1) {
        const group = (w << 5) + lowest(bits);
        const compute = this.#pick(group, wanted);
        if (compute === -1) continue;
        this.claim.begin(compute, wanted.util);
        this.#state.recent = group;
        return true;
      }
      w += 1;
      if (w === words) w = 0;
    }
    return false;
  }

  /**
   * Every compute brick that will do, until one gets all. Where around one of them there is too little at
   * all, others that lead nowhere else are left out.
   */
  #anyBrick(wanted: Wanted): boolean {
    const { graph, links } = this.#state;
    const { count } = graph.columns.compute;
    if (wanted.segments > 0 && this.#boxes.freeEverywhere() < wanted.segments) return false;
    let walks = this.walks;
    let barren = false;
    try {
      for (let i = 0, c = this.#brick; i < count; i += 1, c = c + 1 === count ? 0 : c + 1) {
        if (
          !this.suits(c, wanted) ||
          (barren && links.leadsOnlyTo(graph.columns.compute, c, this.#barren))
        )
          continue;
        if (wanted.rules.sameBox && this.#boxes.free(c) < wanted.segments) continue;
        if (this.#fill(c, wanted)) {
          this.#brick = c;
          return true;
        }
        const reach =
          this.claim.stop === 'reach' && !wanted.rules.sameBox
            ? this.walk.reach(c, wanted.util)
            : wanted.segments;
        if (reach < wanted.segments) {
          barren = true;
          this.#mark();
        } else {
          walks -= 1;
          if (walks === 0) return false;
        }
      }
      return false;
    } finally {
      if (barren) this.#barren.fill(0);
    }
  }

  /** Notes all switches that the walk saw: together they have too little. */
  #mark(): void {
    for (let s = 0; s < this.#barren.length; s += 1)
      if (this.walk.sawSwitch(s)) this.#barren[s] = 1;
  }
}
