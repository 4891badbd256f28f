import type { Graph } from '../inventory/graph.js';
import type { Links } from './links.js';
import type { Hop, ReservedPath } from './types.js';

/** More than any brick's memports: an id is its compute brick's index times this, plus a slot. */
export const SLOTS = 512;
/** Switches on a path at most: longer ones are not looked for. */
export const MAX_HOPS = 255;

const NOWHERE = new Int32Array(0);

/**
 * Paths that are open. Each needs a memport of its compute brick at least, so a brick has as many slots
 * as memports, side by side: looking for the path of a pair reads one or two lines of the cache.
 */
export class Paths {
  /** First slot of each compute brick, and the end. */
  readonly first: Int32Array;
  /** Open paths of each compute brick. */
  readonly open: Int32Array;
  /** Memory brick by slot; -1: not in use. */
  readonly memory: Int32Array;
  /** Transceivers at both ends, as endpoints. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** Switches on it. */
  readonly hops: Uint8Array;
  /** Percent that all reservations take of it. */
  readonly util: Uint8Array;
  /** How many runs use it. */
  readonly runs: Uint16Array;
  /**
   * Ports between the first switch's in and the last one's out: out, in, out … in. Only for paths with
   * more than one hop: the outer ports are what the transceivers are plugged into.
   */
  readonly #between = new Map<number, Int32Array>();
  readonly #graph: Graph;
  readonly #links: Links;
  count = 0;

  constructor(graph: Graph, links: Links) {
    const { count, memports } = graph.columns.compute;
    this.#graph = graph;
    this.#links = links;
    this.first = new Int32Array(count + 1);
    for (let c = 0; c < count; c += 1) this.first[c + 1] = this.first[c]! + memports[c]!;
    const slots = this.first[count]!;
    this.open = new Int32Array(count);
    this.memory = new Int32Array(slots).fill(-1);
    this.from = new Int32Array(slots);
    this.to = new Int32Array(slots);
    this.hops = new Uint8Array(slots);
    this.util = new Uint8Array(slots);
    this.runs = new Uint16Array(slots);
  }

  /** A slot that is free; a compute brick with a memport left has one. */
  freeSlot(compute: number): number {
    return this.memory.indexOf(-1, this.first[compute]);
  }

  /** An open path of the pair that has `util` left everywhere; -1: none. */
  reusable(compute: number, memory: number, util: number): number {
    let left = this.open[compute]!;
    for (let slot = this.first[compute]!; left > 0; slot += 1) {
      const used = this.memory[slot]!;
      if (used === -1) continue;
      if (used === memory && this.fits(slot, util)) return slot;
      left -= 1;
    }
    return -1;
  }

  /**
   * Whether every transceiver, link and packet switch on it has `util` left.
   * @param anyway whether the switches are usable does not matter.
   */
  fits(slot: number, util: number, anyway = false): boolean {
    const { transceiverFree, linkFree, switchFree, switchUsable, link, far } = this.#links;
    const from = this.from[slot]!;
    const to = this.to[slot]!;
    if (transceiverFree[from]! < util || transceiverFree[to]! < util) return false;
    if (linkFree[link[from]!]! < util || linkFree[link[to]!]! < util) return false;
    const hops = this.hops[slot]!;
    if (hops === 0) return true;
    const last = this.#links.switchOf(far[to]!);
    if ((switchUsable[last] === 0 && !anyway) || switchFree[last]! < util) return false;
    if (hops === 1) return true;
    const between = this.#between.get(slot)!;
    for (let i = 0; i < between.length; i += 2) {
      const out = between[i]!;
      const index = this.#links.switchOf(out);
      if (linkFree[link[out]!]! < util) return false;
      if ((switchUsable[index] === 0 && !anyway) || switchFree[index]! < util) return false;
    }
    return true;
  }

  /** Puts a path into a free slot, with the circuits that it needs. It takes nothing and is used by nothing yet. */
  put(
    slot: number,
    compute: number,
    memory: number,
    from: number,
    to: number,
    between: readonly number[],
  ): void {
    const { far } = this.#links;
    this.memory[slot] = memory;
    this.from[slot] = from;
    this.to[slot] = to;
    this.hops[slot] = far[from] === to ? 0 : between.length / 2 + 1;
    this.util[slot] = 0;
    this.runs[slot] = 0;
    if (between.length > 0) this.#between.set(slot, Int32Array.from(between));
    this.open[compute]! += 1;
    this.count += 1;
    this.#circuits(slot, true);
  }

  remove(slot: number, compute: number): void {
    this.#circuits(slot, false);
    this.#between.delete(slot);
    this.memory[slot] = -1;
    this.open[compute]! -= 1;
    this.count -= 1;
  }

  #circuits(slot: number, join: boolean): void {
    const hops = this.hops[slot]!;
    if (hops === 0) return;
    const links = this.#links;
    const between = hops === 1 ? NOWHERE : this.#between.get(slot)!;
    let into = links.far[this.from[slot]!]!;
    for (let i = 0; i < hops; i += 1) {
      const out = i === hops - 1 ? links.far[this.to[slot]!]! : between[2 * i]!;
      if (links.isOptical(links.switchOf(into))) {
        if (join) links.join(into, out);
        else links.part(into, out);
      }
      if (i < hops - 1) into = between[2 * i + 1]!;
    }
  }

  /** Takes `util` more of all that is on it; a negative one gives it back. */
  take(slot: number, util: number): void {
    if (util === 0) return;
    const { transceiverFree, linkFree, switchFree, link, far } = this.#links;
    const from = this.from[slot]!;
    const to = this.to[slot]!;
    this.util[slot]! += util;
    transceiverFree[from]! -= util;
    transceiverFree[to]! -= util;
    linkFree[link[from]!]! -= util;
    const hops = this.hops[slot]!;
    if (hops === 0) return;
    linkFree[link[to]!]! -= util;
    const last = this.#links.switchOf(far[to]!);
    if (!this.#links.isOptical(last)) switchFree[last]! -= util;
    if (hops === 1) return;
    const between = this.#between.get(slot)!;
    for (let i = 0; i < between.length; i += 2) {
      const out = between[i]!;
      linkFree[link[out]!]! -= util;
      const index = this.#links.switchOf(out);
      if (!this.#links.isOptical(index)) switchFree[index]! -= util;
    }
  }

  /** Ports between the outer ones, as `put` got them. */
  between(slot: number): Int32Array {
    return this.#between.get(slot) ?? NOWHERE;
  }

  id(slot: number, compute: number): number {
    return compute * SLOTS + slot - this.first[compute]!;
  }

  /** The slot that an id stands for; -1: none of this compute brick's. Only the low part of an id counts. */
  slotOf(id: number, compute: number): number {
    const slot = this.first[compute]! + (id & (SLOTS - 1));
    return slot < this.first[compute + 1]! ? slot : -1;
  }

  /** As it is told to others. */
  describe(slot: number, compute: number, util: number): ReservedPath {
    const { compute: computes, memory: memories, switches } = this.#graph.columns;
    const { link, far } = this.#links;
    const memory = this.memory[slot]!;
    const from = this.from[slot]!;
    const to = this.to[slot]!;
    const count = this.hops[slot]!;
    const hops: Hop[] = [];
    const links = [link[from]!];
    let into = far[from]!;
    for (let i = 0; i < count; i += 1) {
      const between = count === 1 ? NOWHERE : this.#between.get(slot)!;
      const out = i === count - 1 ? far[to]! : between[2 * i]!;
      const index = this.#links.switchOf(into);
      const port = switches.endpoint[index]!;
      hops.push({ switch: index, in: into - port, out: out - port });
      links.push(link[out]!);
      if (i < count - 1) into = between[2 * i + 1]!;
    }
    return {
      id: this.id(slot, compute),
      compute,
      computeTransceiver: from - computes.endpoint[compute]!,
      memory,
      memoryTransceiver: to - memories.endpoint[memory]!,
      hops,
      links,
      util,
    };
  }
}
