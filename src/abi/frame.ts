import {
  BLOCK_MAX,
  MEMPORT,
  MEMPORT_BASE,
  MEMPORT_STRIDE,
  NPORTS_MAX,
  NTRANSCEIVERS_MAX,
  REG,
} from './constants.js';
import { checkIndex, checkU64, inputError } from './numbers.js';
import {
  BLOCK_ID,
  readHeader,
  readMemport,
  type BlockHeader,
  type MemportRegisters,
} from './parser.js';

/** A whole register block: what a file of it holds, the mailbox aside. */
export interface BlockImage {
  readonly header: BlockHeader;
  /** header.nports of them. */
  readonly memports: readonly MemportRegisters[];
}

/** Bytes that a block with `nports` memports needs; a block may be longer, up to BLOCK_MAX. */
export function blockLength(nports: number): number {
  return MEMPORT_BASE + nports * MEMPORT_STRIDE;
}

function writeHeader(buffer: Buffer, header: BlockHeader): void {
  const put = (name: string, offset: number, value: bigint): void => {
    checkU64(name, value);
    buffer.writeBigUInt64LE(value, offset);
  };
  put('FEATURES', REG.FEATURES, header.features);
  put('NPORTS', REG.NPORTS, BigInt(header.nports));
  put('WINDOW_BASE', REG.WINDOW_BASE, header.windowBase);
  put('WINDOW_SIZE', REG.WINDOW_SIZE, header.windowSize);
  put('REMOTE_SIZE', REG.REMOTE_SIZE, header.remoteSize);
  put('GRANULE', REG.GRANULE, header.granule);
  put('EPOCH', REG.EPOCH, header.epoch);
  put('NTRANSCEIVERS', REG.NTRANSCEIVERS, BigInt(header.ntransceivers));
  put('LINK_STATUS', REG.LINK_STATUS, header.linkStatus);
  put('LINK_RESET', REG.LINK_RESET, header.linkReset);
  header.linkDowns.forEach((downs, t) => put('LINK_DOWNS', REG.LINK_DOWNS + 8 * t, downs));
  put('ID', REG.ID, BLOCK_ID);
}

function writeMemport(buffer: Buffer, base: number, memport: MemportRegisters): void {
  const put = (name: string, offset: number, value: bigint): void => {
    checkU64(name, value);
    buffer.writeBigUInt64LE(value, base + offset);
  };
  put('START', MEMPORT.START, memport.start);
  put('END', MEMPORT.END, memport.end);
  put('OFFSET', MEMPORT.OFFSET, memport.offset);
  put('OUT_ID', MEMPORT.OUT_ID, memport.outId);
  put('IN_ID', MEMPORT.IN_ID, memport.inId);
  put('SET', MEMPORT.SET, memport.set ? 1n : 0n);
  put('STATUS', MEMPORT.STATUS, BigInt(memport.status));
  put('FAULTS', MEMPORT.FAULTS, memport.faults);
}

/**
 * The bytes of a block, `length` long. For files that nothing has mapped and for tests: it writes
 * byte by byte, which is torn where someone looks on.
 * @throws SDM_INPUT if counts do not agree or a field does not fit.
 */
export function toBuffer(image: BlockImage, length = BLOCK_MAX): Buffer {
  const { header, memports } = image;
  checkIndex('NPORTS', header.nports, NPORTS_MAX + 1);
  checkIndex('NTRANSCEIVERS', header.ntransceivers, NTRANSCEIVERS_MAX + 1);
  if (memports.length !== header.nports || header.linkDowns.length !== header.ntransceivers) {
    throw inputError(
      'a block to write',
      `${memports.length} memports and ${header.linkDowns.length} link counters`,
      `${header.nports} and ${header.ntransceivers}, as its header says`,
    );
  }
  const least = blockLength(header.nports);
  if (!Number.isInteger(length) || length < least || length > BLOCK_MAX || length % 8 !== 0) {
    throw inputError(
      'length of a block',
      `${length} bytes`,
      `a multiple of 8 from ${least} to ${BLOCK_MAX}`,
    );
  }
  const buffer = Buffer.alloc(length);
  memports.forEach((memport, n) =>
    writeMemport(buffer, MEMPORT_BASE + n * MEMPORT_STRIDE, memport),
  );
  writeHeader(buffer, header);
  return buffer;
}

/** The little-endian words of some bytes, on any host; trailing bytes that fill no word are left. */
function wordsOf(bytes: Uint8Array): BigUint64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return BigUint64Array.from({ length: Math.floor(bytes.byteLength / 8) }, (_, i) =>
    view.getBigUint64(8 * i, true),
  );
}

/**
 * The block that `bytes` hold, such as a register file read from outside.
 * @throws SDM_INPUT if they are no block of this version, or end before its last memport does.
 */
export function fromBuffer(bytes: Uint8Array): BlockImage {
  const words = wordsOf(bytes);
  const header = readHeader(words);
  const least = blockLength(header.nports);
  if (bytes.byteLength < least) {
    throw inputError(
      `block with ${header.nports} memports`,
      `${bytes.byteLength} bytes`,
      `at least ${least}`,
    );
  }
  const memports = Array.from({ length: header.nports }, (_, n) =>
    readMemport(words, (MEMPORT_BASE + n * MEMPORT_STRIDE) / 8),
  );
  return { header, memports };
}
