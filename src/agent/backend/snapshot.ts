import { MEMPORT, readMemport, snapshotBase, snapshotWords } from '../../abi/codec.js';
import { SNAPSHOT_PORT_WORDS } from '../../native/types.js';
import type { NumberedMemport } from './types.js';

/** Halves of a word: numbers, which unlike bigints cost nothing to make. */
const HALVES = 2;
const PORT_HALVES = SNAPSHOT_PORT_WORDS * HALVES;
const SET_HALF = (MEMPORT.SET / 8) * HALVES;

/**
 * Memports of a block, read again and again: what has not changed since the last look is not
 * decoded once more. Most of 512 memports never change, and each has eight bigints.
 */
export class MemportSnapshot {
  readonly words: BigUint64Array;
  readonly #halves: Uint32Array;
  readonly #seen: Uint32Array;
  readonly #decoded: (NumberedMemport | undefined)[];

  constructor(readonly nports: number) {
    this.words = new BigUint64Array(snapshotWords(nports));
    this.#halves = new Uint32Array(this.words.buffer);
    this.#seen = new Uint32Array(this.words.length * HALVES);
    this.#decoded = new Array<NumberedMemport | undefined>(nports).fill(undefined);
  }

  isSet(port: number): boolean {
    const half = snapshotBase(port) * HALVES + SET_HALF;
    return this.#halves[half] !== 0 || this.#halves[half + 1] !== 0;
  }

  /** The memport as `words` has it. */
  memport(port: number): NumberedMemport {
    const known = this.#decoded[port];
    if (known !== undefined && !this.#changed(port)) return known;
    const first = snapshotBase(port) * HALVES;
    this.#seen.set(this.#halves.subarray(first, first + PORT_HALVES), first);
    const decoded = { port, ...readMemport(this.words, snapshotBase(port)) };
    this.#decoded[port] = decoded;
    return decoded;
  }

  #changed(port: number): boolean {
    const first = snapshotBase(port) * HALVES;
    for (let half = first; half < first + PORT_HALVES; half++) {
      if (this.#halves[half] !== this.#seen[half]) return true;
    }
    return false;
  }
}
