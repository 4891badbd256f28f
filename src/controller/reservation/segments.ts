import type { MemoryColumns } from '../inventory/graph.js';

/** Number of zero bits below the lowest one of `x`, which is not 0. */
export function lowest(x: number): number {
  return 31 - Math.clz32(x & -x);
}

/** Bits of `count` (1 to 32) ones from bit `at`, all in one word. */
function ones(at: number, count: number): number {
  return (count === 32 ? -1 : (1 << count) - 1) << at;
}

/**
 * The segments of all memory bricks as bitmaps, a brick from a word of its own on. `free` is what may be
 * given away: not taken, not dirty, not in quarantine. Signed words: they stay small integers in V8.
 */
export class Segments {
  readonly count: Int32Array;
  /** First word of each brick, and the end. */
  readonly word: Int32Array;
  readonly free: Int32Array;
  readonly taken: Int32Array;
  readonly dirty: Int32Array;
  readonly quarantined: Int32Array;
  readonly freeCount: Int32Array;
  /** The longest free run of each brick. */
  readonly longest: Int32Array;

  /** Free segments of all bricks, and how many the largest brick has. */
  totalFree = 0;
  readonly largest: number;

  /** What `find` found last: start and length of the run, and what `longest` is without it. */
  foundFirst = 0;
  foundLength = 0;
  foundRest = 0;

  constructor({ count, segments }: MemoryColumns) {
    this.count = segments;
    this.word = new Int32Array(count + 1);
    for (let m = 0; m < count; m += 1)
      this.word[m + 1] = this.word[m]! + ((segments[m]! + 31) >> 5);
    const words = this.word[count]!;
    this.free = new Int32Array(words);
    this.taken = new Int32Array(words);
    this.dirty = new Int32Array(words);
    this.quarantined = new Int32Array(words);
    this.freeCount = segments.slice();
    this.longest = segments.slice();
    this.largest = segments.reduce((most, each) => Math.max(most, each), 0);
    this.totalFree = segments.reduce((sum, each) => sum + each, 0);
    for (let m = 0; m < count; m += 1) {
      this.free.fill(-1, this.word[m]!, this.word[m]! + (segments[m]! >> 5));
      const rest = segments[m]! & 31;
      if (rest !== 0) this.free[this.word[m + 1]! - 1] = ones(0, rest);
    }
  }

  /**
   * The shortest free run of at least `need`, or the longest one if there is none; `foundLength` is 0 in
   * a brick that is full. One pass also gives what the longest run is beside it.
   */
  find(memory: number, need: number): void {
    const { free } = this;
    const end = this.word[memory + 1]!;
    const start = this.word[memory]!;
    let best = 0;
    let bestAt = 0;
    let longest = 0;
    let second = 0;
    let run = 0;
    let at = 0;
    // One word more than there is: its zeros end the last run.
    for (let w = start; w <= end; w += 1) {
      let bits = w < end ? free[w]! : 0;
      if (bits === -1) {
        if (run === 0) at = (w - start) << 5;
        run += 32;
        continue;
      }
      let position = (w - start) << 5;
      let left = 32;
      for (;;) {
        // Here `bits` are the `left` bits from `position` on, and a run may have come in from below.
        const ones = bits === 0 ? 0 : lowest(~bits);
        if (ones > 0) {
          if (run === 0) at = position;
          run += ones;
          if (ones >= left) break;
          bits >>>= ones;
          position += ones;
          left -= ones;
        }
        if (run > 0) {
          if (best < need ? run > best : run >= need && run < best) {
            best = run;
            bestAt = at;
          }
          if (run > longest) {
            second = longest;
            longest = run;
          } else if (run > second) {
            second = run;
          }
          run = 0;
        }
        if (bits === 0) break;
        const zeros = lowest(bits);
        bits >>>= zeros;
        position += zeros;
        left -= zeros;
      }
    }
    this.foundFirst = bestAt;
    this.foundLength = best;
    this.foundRest = best === longest ? second : longest;
  }

  /** Takes the first `count` of the run that `find` found in this brick just now. */
  takeFound(memory: number, count: number): void {
    const rest = this.foundLength - count;
    this.#clear(this.free, memory, this.foundFirst, count);
    this.#set(this.taken, memory, this.foundFirst, count);
    this.freeCount[memory]! -= count;
    this.totalFree -= count;
    this.longest[memory] = rest > this.foundRest ? rest : this.foundRest;
  }

  /** Takes exactly these; `has(free)` of them was checked. */
  take(memory: number, first: number, count: number): void {
    this.#clear(this.free, memory, first, count);
    this.#set(this.taken, memory, first, count);
    this.refresh(memory);
  }

  /** Gives taken ones back; to be scrubbed first, or free at once. */
  give(memory: number, first: number, count: number, dirty: boolean): void {
    this.#clear(this.taken, memory, first, count);
    if (dirty) {
      this.#set(this.dirty, memory, first, count);
      return;
    }
    this.#open(memory, first, count);
  }

  markDirty(memory: number, first: number, count: number): void {
    this.#clear(this.free, memory, first, count);
    this.#set(this.dirty, memory, first, count);
    this.refresh(memory);
  }

  clean(memory: number, first: number, count: number): void {
    this.#clear(this.dirty, memory, first, count);
    this.#open(memory, first, count);
  }

  quarantine(memory: number, first: number, count: number): void {
    this.#set(this.quarantined, memory, first, count);
    this.#clear(this.free, memory, first, count);
    this.refresh(memory);
  }

  unquarantine(memory: number, first: number, count: number): void {
    this.#clear(this.quarantined, memory, first, count);
    this.#open(memory, first, count);
  }

  /** Frees those of them that nothing keeps from it. */
  #open(memory: number, first: number, count: number): void {
    const { free, taken, dirty, quarantined } = this;
    const base = this.word[memory]!;
    const end = first + count;
    let opened = 0;
    for (let at = first; at < end;) {
      const w = base + (at >> 5);
      const some = Math.min(32 - (at & 31), end - at);
      const bits = ones(at & 31, some) & ~(taken[w]! | dirty[w]! | quarantined[w]! | free[w]!);
      free[w]! |= bits;
      opened += bits === ones(at & 31, some) ? some : bitCount(bits);
      at += some;
    }
    this.freeCount[memory]! += opened;
    this.totalFree += opened;
    if (opened === count) {
      const run = this.#before(memory, first) + count + this.#after(memory, end);
      if (run > this.longest[memory]!) this.longest[memory] = run;
    } else if (opened > 0) {
      this.refresh(memory);
    }
  }

  /** How many free segments end right before `at`. */
  #before(memory: number, at: number): number {
    const base = this.word[memory]!;
    let run = 0;
    for (let end = at; end > 0;) {
      // The `some` bits below `end` in its word, moved to the top.
      const some = ((end - 1) & 31) + 1;
      const bits = ~(this.free[base + ((end - 1) >> 5)]! << (32 - some));
      const found = Math.min(Math.clz32(bits), some);
      run += found;
      if (found < some) break;
      end -= some;
    }
    return run;
  }

  /** How many free segments begin at `at`. */
  #after(memory: number, at: number): number {
    const base = this.word[memory]!;
    const end = this.count[memory]!;
    let run = 0;
    for (let next = at; next < end;) {
      const some = 32 - (next & 31);
      const bits = ~(this.free[base + (next >> 5)]! >>> (next & 31));
      const found = bits === 0 ? 32 : Math.min(lowest(bits), some);
      run += found;
      if (found < some) break;
      next += some;
    }
    return run;
  }

  /** Whether all of them are set in that bitmap. */
  has(bitmap: Int32Array, memory: number, first: number, count: number): boolean {
    const base = this.word[memory]!;
    const end = first + count;
    for (let at = first; at < end;) {
      const some = Math.min(32 - (at & 31), end - at);
      const bits = ones(at & 31, some);
      if ((bitmap[base + (at >> 5)]! & bits) !== bits) return false;
      at += some;
    }
    return true;
  }

  /** Whether the brick has these numbers at all. */
  exist(memory: number, first: number, count: number): boolean {
    return first >= 0 && count > 0 && first + count <= (this.count[memory] ?? 0);
  }

  #set(bitmap: Int32Array, memory: number, first: number, count: number): void {
    const base = this.word[memory]!;
    const end = first + count;
    for (let at = first; at < end;) {
      const some = Math.min(32 - (at & 31), end - at);
      bitmap[base + (at >> 5)]! |= ones(at & 31, some);
      at += some;
    }
  }

  #clear(bitmap: Int32Array, memory: number, first: number, count: number): void {
    const base = this.word[memory]!;
    const end = first + count;
    for (let at = first; at < end;) {
      const some = Math.min(32 - (at & 31), end - at);
      bitmap[base + (at >> 5)]! &= ~ones(at & 31, some);
      at += some;
    }
  }

  /** Counts a brick again from its bits. */
  refresh(memory: number): void {
    const free = this.countIn(this.free, memory);
    this.totalFree += free - this.freeCount[memory]!;
    this.freeCount[memory] = free;
    this.find(memory, 0x7fff_ffff);
    this.longest[memory] = this.foundLength;
  }

  countIn(bitmap: Int32Array, memory: number): number {
    let sum = 0;
    for (let w = this.word[memory]!; w < this.word[memory + 1]!; w += 1)
      sum += bitCount(bitmap[w]!);
    return sum;
  }
}

function bitCount(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
