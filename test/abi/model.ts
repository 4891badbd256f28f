import { STATUS } from '../../src/abi/constants.js';
import { hasFeature, transceiverOf } from '../../src/abi/features.js';
import { encodeOffset, OFFSET_SIGN, remoteOf } from '../../src/abi/offset.js';
import type { BlockHeader, MemportRegisters } from '../../src/abi/parser.js';
import { EMPTY, memport } from './examples.js';

const LIMIT = 1n << 64n;

/** What a write of 1 to SET asks for. */
export interface Request {
  readonly port: number;
  readonly start: bigint;
  readonly end: bigint;
  readonly offset: bigint;
  readonly outId: bigint;
  readonly inId: bigint;
  readonly set: boolean;
}

/** The section "Order of checks" of docs/memport-abi.md, sentence by sentence. */
export function check(
  header: BlockHeader,
  memports: readonly MemportRegisters[],
  request: Request,
): number {
  const { start, end, offset, outId } = request;
  const { windowBase, granule } = header;
  const size = end + 1n - start;
  const remote = remoteOf(start, offset);
  if (end < start || end + 1n >= LIMIT || remote === undefined || remote + size >= LIMIT) {
    return STATUS.RANGE;
  }
  if ([start, end + 1n, remote].some((address) => address % granule !== 0n)) {
    return STATUS.ALIGNMENT;
  }
  if (start < windowBase || end + 1n > windowBase + header.windowSize) return STATUS.WINDOW;
  if (remote + size > header.remoteSize) return STATUS.REMOTE;
  const identity = remote === start - windowBase && remote >= granule;
  if (!hasFeature(header.features, 'translation') && !identity) return STATUS.REMOTE;
  const others = memports.filter((other, n) => n !== request.port && other.set);
  if (others.some((other) => other.start <= end && start <= other.end)) return STATUS.OVERLAP;
  const transceiver = transceiverOf(outId, header);
  if (transceiver !== undefined && ((header.linkStatus >> BigInt(transceiver)) & 1n) === 0n) {
    return STATUS.LINK;
  }
  return STATUS.ACTIVE;
}

/** A device after the document: memports change as their registers do when requests arrive. */
export class Model {
  readonly memports: MemportRegisters[];

  constructor(readonly header: BlockHeader) {
    this.memports = Array.from({ length: header.nports }, () => EMPTY);
  }

  /** @returns the STATUS that the memport ends with. */
  apply(request: Request): number {
    const { port, set, ...fields } = request;
    const now = this.memports[port]!;
    if (!set) {
      this.memports[port] = { ...now, set: false, status: STATUS.INACTIVE };
    } else if (!now.set) {
      const status = check(this.header, this.memports, request);
      this.memports[port] = memport({ ...fields, set: status === STATUS.ACTIVE, status });
    }
    return this.memports[port]!.status;
  }
}

/** Minus the distance where `remote` lies below, as a program with a bug would write it. */
export function anyOffset(start: bigint, remote: bigint): bigint {
  const distance = remote > start ? remote - start : start - remote;
  return distance < OFFSET_SIGN ? encodeOffset(start, remote) : 0n;
}
