import type { PolicyRules } from './policies/types.js';
import type { State } from './state.js';
import type { ReservedPath, ReservedRun } from './types.js';
import { MAX_HOPS } from './paths.js';
import type { Walk } from './walk.js';

/** What stood in the way when remote memory could not be had. */
export type Stop = 'memports' | 'reach';

/**
 * Remote memory for one compute brick as it is put together: runs, and the paths to them. Kept in plain
 * columns that are used again for every request; `undo` gives all of it back.
 */
export class Claim {
  readonly #state: State;
  readonly #walk: Walk;
  #compute = -1;
  #util = 0;
  #runs = 0;
  readonly #memory: number[] = [];
  readonly #first: number[] = [];
  readonly #count: number[] = [];
  /** Slot of the path of a run. */
  readonly #slot: number[] = [];
  #paths = 0;
  readonly #pathSlot: number[] = [];
  readonly #pathMemory: number[] = [];
  /** Why the last `fill` ended short, and how many segments were missing. */
  stop: Stop = 'reach';
  missing = 0;

  constructor(state: State, walk: Walk) {
    this.#state = state;
    this.#walk = walk;
  }

  begin(compute: number, util: number): void {
    this.#compute = compute;
    this.#util = util;
    this.#runs = 0;
    this.#paths = 0;
  }

  /** Takes one run of `need` at `most` hops. false: there is none, and nothing was taken. */
  whole(need: number, rules: PolicyRules, most: number): boolean {
    if (!this.#walk.find(this.#compute, need, this.#util, rules, most, need)) return false;
    this.#takeWalked(need);
    return true;
  }

  /**
   * Takes `need` segments in as few runs as the nearest bricks allow. false: there was not enough within
   * `most` hops; what was taken until then is for `undo`.
   */
  fill(need: number, rules: PolicyRules, most = MAX_HOPS): boolean {
    const { segments, memportsFree } = this.#state;
    const compute = this.#compute;
    let left = need;
    while (left > 0) {
      if (memportsFree[compute] === 0) {
        this.stop = 'memports';
        this.missing = left;
        return false;
      }
      const own = this.#own(left);
      const run = own === -1 ? 0 : segments.longest[this.#pathMemory[own]!]!;
      // A brick that it has a path to already costs nothing but the memport.
      const found = run < left && this.#walk.find(compute, left, this.#util, rules, most);
      if (own !== -1 && (!found || this.#better(own, run, left))) {
        left -= this.#take(this.#pathMemory[own]!, this.#pathSlot[own]!, left);
      } else if (found) {
        left -= this.#takeWalked(left);
      } else {
        this.stop = 'reach';
        this.missing = left;
        return false;
      }
    }
    return true;
  }

  /** Index of the own path to the brick that fits best, or has the longest run; -1: none has any. */
  #own(need: number): number {
    const { segments, memoryUsable } = this.#state;
    let best = -1;
    let bestRun = 0;
    for (let i = 0; i < this.#paths; i += 1) {
      const m = this.#pathMemory[i]!;
      const run = segments.longest[m]!;
      if (run === 0 || memoryUsable[m] === 0) continue;
      if (bestRun < need ? run > bestRun : run >= need && run < bestRun) {
        best = i;
        bestRun = run;
      }
    }
    return best;
  }

  /** Whether an own path is to be preferred to what was walked to. */
  #better(own: number, run: number, need: number): boolean {
    const hops = this.#state.paths.hops(this.#pathSlot[own]!);
    if (hops !== this.#walk.hops) return hops < this.#walk.hops;
    const other = this.#state.segments.longest[this.#walk.memory]!;
    return other < need && run >= other;
  }

  /** Takes a run where the walk ended, by the open path of the pair or a new one. @returns its length. */
  #takeWalked(need: number): number {
    const { paths } = this.#state;
    const walk = this.#walk;
    const memory = walk.memory;
    let slot = paths.reusable(this.#compute, memory, this.#util);
    if (slot === -1) {
      const between = walk.between();
      slot = paths.freeSlot(this.#compute);
      paths.put(slot, this.#compute, memory, walk.from, walk.to, between);
    }
    paths.take(slot, this.#util);
    this.#pathSlot[this.#paths] = slot;
    this.#pathMemory[this.#paths] = memory;
    this.#paths += 1;
    return this.#take(memory, slot, need);
  }

  #take(memory: number, slot: number, need: number): number {
    const state = this.#state;
    const { segments } = state;
    segments.find(memory, need);
    const count = segments.foundLength < need ? segments.foundLength : need;
    const at = this.#runs;
    this.#memory[at] = memory;
    this.#first[at] = segments.foundFirst;
    this.#count[at] = count;
    this.#slot[at] = slot;
    this.#runs += 1;
    segments.takeFound(memory, count);
    state.paths.addRuns(slot, 1);
    state.memportsFree[this.#compute]! -= 1;
    state.memoryChanged(memory);
    return count;
  }

  /** Gives back all that was taken since `begin`. */
  undo(): void {
    const state = this.#state;
    const { paths } = state;
    const compute = this.#compute;
    for (let i = 0; i < this.#runs; i += 1) {
      state.segments.give(this.#memory[i]!, this.#first[i]!, this.#count[i]!, false);
      paths.addRuns(this.#slot[i]!, -1);
    }
    state.memportsFree[compute]! += this.#runs;
    for (let i = 0; i < this.#paths; i += 1) {
      const slot = this.#pathSlot[i]!;
      paths.take(slot, -this.#util);
      if (paths.runs(slot) === 0) paths.remove(slot, compute);
      state.memoryChanged(this.#pathMemory[i]!);
    }
    this.#runs = 0;
    this.#paths = 0;
  }

  /** In arrays of their exact length: one that grows by `push` has room for 17 from the start. */
  runs(): ReservedRun[] {
    const { paths } = this.#state;
    const runs = new Array<ReservedRun>(this.#runs);
    for (let i = 0; i < runs.length; i += 1) {
      runs[i] = {
        memory: this.#memory[i]!,
        first: this.#first[i]!,
        count: this.#count[i]!,
        path: paths.id(this.#slot[i]!, this.#compute),
      };
    }
    return runs;
  }

  paths(): ReservedPath[] {
    const paths = new Array<ReservedPath>(this.#paths);
    for (let i = 0; i < paths.length; i += 1) {
      paths[i] = this.#state.paths.describe(this.#pathSlot[i]!, this.#compute, this.#util);
    }
    return paths;
  }
}
