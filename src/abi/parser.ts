import { SNAPSHOT_HEADER_WORDS, SNAPSHOT_PORT_WORDS } from '../native/types.js';
import {
  ABI_VERSION,
  ID_MAGIC,
  ID_VERSION_SHIFT,
  MEMPORT,
  NPORTS_MAX,
  NTRANSCEIVERS_MAX,
  REG,
} from './constants.js';
import { hex, inputError } from './numbers.js';
import { remoteOf } from './offset.js';

/** The header of a register block. Sizes and addresses in bytes. */
export interface BlockHeader {
  readonly version: number;
  readonly features: bigint;
  readonly nports: number;
  /** As the register says: 0 in a passive block stands for the pool BAR's base. */
  readonly windowBase: bigint;
  readonly windowSize: bigint;
  readonly remoteSize: bigint;
  readonly granule: bigint;
  readonly epoch: bigint;
  readonly ntransceivers: number;
  /** A bit per transceiver, 1 = up. */
  readonly linkStatus: bigint;
  readonly linkReset: bigint;
  /** How often each transceiver went down; ntransceivers long. */
  readonly linkDowns: readonly bigint[];
}

/** One memport as its registers say. */
export interface MemportRegisters {
  readonly start: bigint;
  /** Inclusive. */
  readonly end: bigint;
  readonly offset: bigint;
  /** START ± OFFSET; undefined where that leaves the 64-bit space. */
  readonly remote: bigint | undefined;
  readonly outId: bigint;
  readonly inId: bigint;
  readonly set: boolean;
  readonly status: number;
  readonly faults: bigint;
}

/** Index in a snapshot of the first word of memport `port`. */
export function snapshotBase(port: number): number {
  return SNAPSHOT_HEADER_WORDS + port * SNAPSHOT_PORT_WORDS;
}

/** Words that a snapshot of a block with `nports` memports has. */
export function snapshotWords(nports: number): number {
  return snapshotBase(nports);
}

const VERSION_SHIFT = BigInt(ID_VERSION_SHIFT);

/** The ID register of this version. */
export const BLOCK_ID = (BigInt(ABI_VERSION) << VERSION_SHIFT) | BigInt(ID_MAGIC);

function checkId(id: bigint): void {
  if ((id & 0xffffffffn) !== BigInt(ID_MAGIC)) {
    throw inputError(
      'ID of a register block',
      hex(id),
      `the bytes "SDMP" (${hex(BigInt(ID_MAGIC))}) in the low half; a zero or foreign passive block ` +
        'is formatted by `sdm-agent registers format`',
    );
  }
  if (id >> VERSION_SHIFT !== BigInt(ABI_VERSION)) {
    throw inputError(
      'version of a register block',
      String(id >> VERSION_SHIFT),
      `version ${ABI_VERSION}`,
    );
  }
}

function count(name: string, value: bigint, max: number): number {
  if (value > BigInt(max)) throw inputError(name, String(value), `at most ${max}`);
  return Number(value);
}

/**
 * The header out of a snapshot, or out of a whole block read as words: both begin alike.
 * @throws SDM_INPUT if the words are no block of this version or too few.
 */
export function readHeader(words: BigUint64Array): BlockHeader {
  if (words.length < SNAPSHOT_HEADER_WORDS) {
    throw inputError(
      'header of a register block',
      `${words.length} words`,
      `at least ${SNAPSHOT_HEADER_WORDS}`,
    );
  }
  const at = (offset: number): bigint => words[offset / 8]!;
  checkId(at(REG.ID));
  const ntransceivers = count('NTRANSCEIVERS', at(REG.NTRANSCEIVERS), NTRANSCEIVERS_MAX);
  return {
    version: Number(at(REG.ID) >> VERSION_SHIFT),
    features: at(REG.FEATURES),
    nports: count('NPORTS', at(REG.NPORTS), NPORTS_MAX),
    windowBase: at(REG.WINDOW_BASE),
    windowSize: at(REG.WINDOW_SIZE),
    remoteSize: at(REG.REMOTE_SIZE),
    granule: at(REG.GRANULE),
    epoch: at(REG.EPOCH),
    ntransceivers,
    linkStatus: at(REG.LINK_STATUS),
    linkReset: at(REG.LINK_RESET),
    linkDowns: Array.from({ length: ntransceivers }, (_, t) => at(REG.LINK_DOWNS + 8 * t)),
  };
}

/**
 * The memport whose registers begin at word `base` (see snapshotBase). Never fails on what the
 * registers hold.
 * @throws SDM_INPUT if `words` ends before the memport does.
 */
export function readMemport(words: BigUint64Array, base: number): MemportRegisters {
  if (!Number.isInteger(base) || base < 0 || base + SNAPSHOT_PORT_WORDS > words.length) {
    throw inputError(
      'word that a memport begins at',
      String(base),
      `an integer from 0 to ${words.length - SNAPSHOT_PORT_WORDS}`,
    );
  }
  const at = (offset: number): bigint => words[base + offset / 8]!;
  const start = at(MEMPORT.START);
  const offset = at(MEMPORT.OFFSET);
  return {
    start,
    end: at(MEMPORT.END),
    offset,
    remote: remoteOf(start, offset),
    outId: at(MEMPORT.OUT_ID),
    inId: at(MEMPORT.IN_ID),
    set: at(MEMPORT.SET) !== 0n,
    status: Number(at(MEMPORT.STATUS)),
    faults: at(MEMPORT.FAULTS),
  };
}

/** All memports of a snapshot. @throws as readHeader and readMemport. */
export function readSnapshot(words: BigUint64Array): {
  header: BlockHeader;
  memports: MemportRegisters[];
} {
  const header = readHeader(words);
  const memports = Array.from({ length: header.nports }, (_, n) =>
    readMemport(words, snapshotBase(n)),
  );
  return { header, memports };
}
