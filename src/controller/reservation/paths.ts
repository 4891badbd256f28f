import type { Graph } from '../inventory/graph.js';
import type { Links } from './links.js';
import type { Hop, ReservedPath } from './types.js';

/** More than any brick's memports: an id is its compute brick's index times this, plus a slot. */
export const SLOTS = 512;
/** Switches on a path at most: longer ones are not looked for. */
export const MAX_HOPS = 255;

const ROW = 4;
const FROM = 0;
const TO = 1;
/** Percent taken, and from bit 8 on how many runs use it. */
const USE = 2;
const HOPS = 3;

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
  /** Four numbers by slot, in one line of the cache: FROM, TO, USE and HOPS. */
  readonly #rows: Int32Array;
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
    this.#rows = new Int32Array(slots * ROW);
  }

  /** The compute brick's transceiver, as an endpoint. */
  from(slot: number): number {
    return this.#rows[slot * ROW + FROM]!;
  }

  /** The memory brick's. */
  to(slot: number): number {
    return this.#rows[slot * ROW + TO]!;
  }

  /** Switches on it. */
  hops(slot: number): number {
    return this.#rows[slot * ROW + HOPS]!;
  }

  /** Percent that all reservations take of it. */
  util(slot: number): number {
    return this.#rows[slot * ROW + USE]! & 0xff;
  }

  /** How many runs use it. */
  runs(slot: number): number {
    return this.#rows[slot * ROW + USE]! >> 8;
  }

  addRuns(slot: number, count: number): void {
    this.#rows[slot * ROW + USE]! += count * 0x100;
  }

  /** A slot that is free; a compute brick with a memport left has one. */
  freeSlot(compute: number): number {
    let slot = this.first[compute]!;
    while (this.memory[slot] !== -1) slot += 1;
    return slot;
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
    const { transceiverFree, linkFree, switchFree, switchUsable, link, farNode } = this.#links;
    const to = this.to(slot);
    if (transceiverFree[this.from(slot)]! < util || transceiverFree[to]! < util) return false;
    const hops = this.hops(slot);
    if (hops === 0) return true;
    const last = farNode[to]! >> 2;
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
    const rows = this.#rows;
    const row = slot * ROW;
    const hops = far[from] === to ? 0 : between.length / 2 + 1;
    rows[row + FROM] = from;
    rows[row + TO] = to;
    rows[row + USE] = 0;
    rows[row + HOPS] = hops;
    if (hops > 1) this.#between.set(slot, Int32Array.from(between));
    this.open[compute]! += 1;
    this.count += 1;
    this.#circuits(slot, true);
  }

  remove(slot: number, compute: number): void {
    this.#circuits(slot, false);
    if (this.hops(slot) > 1) this.#between.delete(slot);
    this.memory[slot] = -1;
    this.open[compute]! -= 1;
    this.count -= 1;
  }

  #circuits(slot: number, join: boolean): void {
    const hops = this.hops(slot);
    const links = this.#links;
    if (hops === 0 || (hops === 1 && !links.isOptical(links.farNode[this.to(slot)]! >> 2))) return;
    const between = hops === 1 ? NOWHERE : this.#between.get(slot)!;
    let into = links.far[this.from(slot)]!;
    for (let i = 0; i < hops; i += 1) {
      const out = i === hops - 1 ? links.far[this.to(slot)]! : between[2 * i]!;
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
    const { transceiverFree, linkFree, switchFree, link, farNode } = this.#links;
    const to = this.to(slot);
    this.#rows[slot * ROW + USE]! += util;
    transceiverFree[this.from(slot)]! -= util;
    transceiverFree[to]! -= util;
    const hops = this.hops(slot);
    if (hops === 0) return;
    const last = farNode[to]! >> 2;
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
    const from = this.from(slot);
    const to = this.to(slot);
    const count = this.hops(slot);
    const hops = new Array<Hop>(count);
    const links = new Array<number>(count + 1);
    links[0] = link[from]!;
    let into = far[from]!;
    for (let i = 0; i < count; i += 1) {
      const between = count === 1 ? NOWHERE : this.#between.get(slot)!;
      const out = i === count - 1 ? far[to]! : between[2 * i]!;
      const index = this.#links.switchOf(into);
      const port = switches.endpoint[index]!;
      hops[i] = { switch: index, in: into - port, out: out - port };
      links[i + 1] = link[out]!;
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
