import { lowest } from './segments.js';

/** More than the class of the largest value that there is (2^31 - 1). */
export const CLASSES = 140;

/**
 * The class of an amount: each below 32 has its own, from there on four to a power of two. Whatever is
 * in a higher class is more; what is in the same class may be less, and is looked at.
 */
export function classOf(amount: number): number {
  if (amount < 32) return amount;
  const power = 31 - Math.clz32(amount);
  return 32 + (power - 5) * 4 + ((amount >>> (power - 2)) & 3);
}

/** Groups by the class of an amount: a bitmap of groups for each class, with its population. */
export class ClassSets {
  readonly amount: Int32Array;
  readonly words: number;
  /** Word w of class k is at k * words + w. */
  readonly bits: Int32Array;
  readonly #population = new Int32Array(CLASSES);
  /** A bit for each class that has a group. */
  readonly #some = new Int32Array((CLASSES >> 5) + 1);

  constructor(groups: number) {
    this.amount = new Int32Array(groups);
    this.words = (groups + 31) >> 5;
    this.bits = new Int32Array(CLASSES * this.words);
    for (let g = 0; g < groups; g += 1) this.#add(0, g);
  }

  #add(k: number, group: number): void {
    this.bits[k * this.words + (group >> 5)]! |= 1 << (group & 31);
    this.#population[k]! += 1;
    this.#some[k >> 5]! |= 1 << (k & 31);
  }

  set(group: number, amount: number): void {
    const from = classOf(this.amount[group]!);
    const to = classOf(amount);
    this.amount[group] = amount;
    if (from === to) return;
    this.bits[from * this.words + (group >> 5)]! &= ~(1 << (group & 31));
    this.#population[from]! -= 1;
    if (this.#population[from] === 0) this.#some[from >> 5]! &= ~(1 << (from & 31));
    this.#add(to, group);
  }

  /** The lowest class from `k` on that has a group; CLASSES: none. */
  next(k: number): number {
    let word = k >> 5;
    let bits = this.#some[word]! & (-1 << (k & 31));
    while (bits === 0) {
      word += 1;
      if (word >= this.#some.length) return CLASSES;
      bits = this.#some[word]!;
    }
    return (word << 5) + lowest(bits);
  }

  /** The highest class up to `k` that has a group; -1: none. */
  previous(k: number): number {
    let word = k >> 5;
    let bits = this.#some[word]! & (-1 >>> (31 - (k & 31)));
    while (bits === 0) {
      word -= 1;
      if (word < 0) return -1;
      bits = this.#some[word]!;
    }
    return (word << 5) + 31 - Math.clz32(bits);
  }
}

/** Groups by the least class that they come to: class k has all groups of class k and above. */
export class ClassFloors {
  readonly amount: Int32Array;
  readonly words: number;
  readonly bits: Int32Array;

  constructor(groups: number) {
    this.amount = new Int32Array(groups);
    this.words = (groups + 31) >> 5;
    this.bits = new Int32Array(CLASSES * this.words);
    for (let g = 0; g < groups; g += 1) this.bits[g >> 5]! |= 1 << (g & 31);
  }

  set(group: number, amount: number): void {
    const from = classOf(this.amount[group]!);
    const to = classOf(amount);
    this.amount[group] = amount;
    const { bits, words } = this;
    const bit = 1 << (group & 31);
    for (let k = from + 1; k <= to; k += 1) bits[k * words + (group >> 5)]! |= bit;
    for (let k = to + 1; k <= from; k += 1) bits[k * words + (group >> 5)]! &= ~bit;
  }
}
