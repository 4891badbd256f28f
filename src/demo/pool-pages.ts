import { open, type FileHandle } from 'node:fs/promises';
import { SdmError } from '../common/errors.js';
import { hex } from '../common/units.js';

/** The page layout of tools/guest/memfill.c, which says more about it. */
const PAGE_BYTES = 4096;
const PAGE_WORDS = PAGE_BYTES / 8;
const MAGIC = 0x004c4c49464d4453n;
const STEP = 0x9e3779b97f4a7c15n;
const CHUNK_BYTES = 4 << 20;
/** The first words tell whose page it is; of every such page all bytes are compared. */
const WHOLE_PAGE_EVERY = 512;
const MASK = (1n << 64n) - 1n;

export interface PoolRange {
  /** Offset in the pool, bytes. */
  readonly start: bigint;
  /** Bytes. */
  readonly size: bigint;
}

/**
 * Looks in the pool file for the pages that a program in a brick has filled: each of `pages` must
 * lie in one of the ranges, once.
 * @returns the lowest and highest offset at which one was found.
 * @throws SdmError SDM_DEMO: one is missing, doubled or damaged.
 */
export async function findFilledPages(
  poolPath: string,
  ranges: readonly PoolRange[],
  fill: { readonly seed: bigint; readonly pages: number },
): Promise<{ first: bigint; last: bigint }> {
  const seen = new Uint8Array(fill.pages);
  let found = 0;
  let first = -1n;
  let last = -1n;
  for await (const { words, offset } of chunksOf(poolPath, ranges)) {
    for (let base = 0; base < words.length; base += PAGE_WORDS) {
      if (words[base] !== MAGIC || words[base + 1] !== fill.seed) continue;
      const index = Number(words[base + 2]);
      const place = offset + BigInt(base * 8);
      if (index >= fill.pages || seen[index] === 1) {
        throw wrong(`page ${index} of ${fill.pages} is in the pool twice, again at ${hex(place)}`);
      }
      if (index % WHOLE_PAGE_EVERY === 0) checkWholePage(words, base, fill.seed, place);
      seen[index] = 1;
      found += 1;
      if (first < 0n) first = place;
      last = place;
    }
  }
  if (found !== fill.pages) {
    throw wrong(
      `of ${fill.pages} pages that the program filled, ${found} are in the pool in ` +
        ranges.map(({ start, size }) => `${hex(start)}-${hex(start + size - 1n)}`).join(' and '),
    );
  }
  return { first, last };
}

/**
 * Checks that a range of the pool reads zero.
 * @throws SdmError SDM_DEMO with the first offset that does not.
 */
export async function checkZero(poolPath: string, range: PoolRange): Promise<void> {
  const zeros = Buffer.alloc(CHUNK_BYTES);
  for await (const { words, offset } of chunks(poolPath, range)) {
    const bytes = Buffer.from(words.buffer, 0, words.byteLength);
    if (bytes.equals(zeros.subarray(0, bytes.length))) continue;
    const index = bytes.findIndex((byte) => byte !== 0);
    throw wrong(`the pool still holds bytes at ${hex(offset + BigInt(index))} after detach`);
  }
}

async function* chunksOf(
  poolPath: string,
  ranges: readonly PoolRange[],
): ReturnType<typeof chunks> {
  for (const range of ranges) yield* chunks(poolPath, range);
}

async function* chunks(
  poolPath: string,
  range: PoolRange,
): AsyncGenerator<{ words: BigUint64Array; offset: bigint }> {
  const file = await open(poolPath, 'r');
  try {
    const words = new BigUint64Array(CHUNK_BYTES / 8);
    const end = range.start + range.size;
    for (let offset = range.start; offset < end; offset += BigInt(CHUNK_BYTES)) {
      const length = Math.min(CHUNK_BYTES, Number(end - offset));
      await readWhole(file, words, length, offset);
      yield { words: words.subarray(0, length / 8), offset };
    }
  } finally {
    await file.close();
  }
}

async function readWhole(
  file: FileHandle,
  words: BigUint64Array,
  length: number,
  offset: bigint,
): Promise<void> {
  const bytes = new Uint8Array(words.buffer);
  for (let done = 0; done < length;) {
    const at = Number(offset) + done;
    const { bytesRead } = await file.read(bytes, done, length - done, at);
    if (bytesRead === 0) throw wrong(`the pool file ends at ${hex(BigInt(at))}`);
    done += bytesRead;
  }
}

function checkWholePage(words: BigUint64Array, base: number, seed: bigint, place: bigint): void {
  const index = words[base + 2] ?? 0n;
  const first = mix(seed + index);
  for (let word = 3; word < PAGE_WORDS; word++) {
    const wanted = (first + BigInt(word) * STEP) & MASK;
    if (words[base + word] !== wanted) {
      throw wrong(`page ${index} is damaged in the pool at ${hex(place + BigInt(word * 8))}`);
    }
  }
}

/** The finaliser of splitmix64. */
function mix(sum: bigint): bigint {
  const x = sum & MASK;
  let z = ((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return z ^ (z >> 31n);
}

function wrong(message: string): SdmError {
  return new SdmError('SDM_DEMO', message);
}
