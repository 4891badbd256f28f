import { STAGING, STAGING_WORDS } from '../native/types.js';
import { NPORTS_MAX } from './constants.js';
import { checkIndex, checkU64 } from './numbers.js';
import { encodeOffset } from './offset.js';

// Constants of the module: the compiler knows that they never change, unlike an object's members.
const { PORT, START, END, OFFSET, OUT_ID, IN_ID, SET, STATUS } = STAGING;

/** What a memport shall map; addresses in bytes, END inclusive. */
export interface MemportEntry {
  readonly port: number;
  readonly start: bigint;
  /** Inclusive. */
  readonly end: bigint;
  readonly remote: bigint;
  readonly outId: bigint;
  readonly inId: bigint;
  /** True activates; false clears and ignores the other fields. */
  readonly set: boolean;
}

function checkEntryIndex(staging: BigUint64Array, index: number): void {
  checkIndex('entry of the staging buffer', index, Math.floor(staging.length / STAGING_WORDS));
}

/**
 * Writes entry `index` of a staging buffer (RegisterBlock.staging), for program() to act on.
 * @throws SDM_INPUT if the index, the port or a field is out of range. Whether the range suits the
 * window is the device's to say.
 */
export function writeStaging(staging: BigUint64Array, index: number, entry: MemportEntry): void {
  checkEntryIndex(staging, index);
  checkIndex('port', entry.port, NPORTS_MAX);
  checkU64('end', entry.end);
  checkU64('outId', entry.outId);
  checkU64('inId', entry.inId);
  const base = index * STAGING_WORDS;
  staging[base + OFFSET] = encodeOffset(entry.start, entry.remote);
  staging[base + PORT] = BigInt(entry.port);
  staging[base + START] = entry.start;
  staging[base + END] = entry.end;
  staging[base + OUT_ID] = entry.outId;
  staging[base + IN_ID] = entry.inId;
  staging[base + SET] = entry.set ? 1n : 0n;
  staging[base + STATUS] = 0n;
}

/** Writes an entry that clears `port`. @throws SDM_INPUT as writeStaging. */
export function writeStagingClear(staging: BigUint64Array, index: number, port: number): void {
  const none = { start: 0n, end: 0n, remote: 0n, outId: 0n, inId: 0n, set: false };
  writeStaging(staging, index, { port, ...none });
}

/** The STATUS that program() wrote to entry `index`. @throws SDM_INPUT for an index out of range. */
export function stagedStatus(staging: BigUint64Array, index: number): number {
  checkEntryIndex(staging, index);
  return Number(staging[index * STAGING_WORDS + STATUS]);
}

/** Memports to activate as typed arrays, one element per memport: for paths that cannot afford objects. */
export interface MemportColumns {
  readonly port: BigUint64Array;
  readonly start: BigUint64Array;
  /** Inclusive. */
  readonly end: BigUint64Array;
  /** As the OFFSET register holds it. */
  readonly offset: BigUint64Array;
  readonly outId: BigUint64Array;
  readonly inId: BigUint64Array;
}

/**
 * Writes the first `count` memports of `columns` as entries to activate, from entry 0 on. Ten times
 * as fast as writeStaging: copies between BigUint64Arrays make no bigint. Nothing but `count` is
 * checked, since no value of a 64-bit array can be out of range; the device checks the rest.
 * @throws SDM_INPUT if the staging buffer or a column is shorter than `count`.
 */
export function stageColumns(
  staging: BigUint64Array,
  columns: MemportColumns,
  count: number,
): void {
  const { port, start, end, offset, outId, inId } = columns;
  const room = Math.min(port.length, start.length, end.length, offset.length, outId.length);
  checkIndex('count', count, Math.min(staging.length / STAGING_WORDS, room, inId.length) + 1);
  for (let i = 0, base = 0; i < count; i += 1, base += STAGING_WORDS) {
    staging[base + PORT] = port[i]!;
    staging[base + START] = start[i]!;
    staging[base + END] = end[i]!;
    staging[base + OFFSET] = offset[i]!;
    staging[base + OUT_ID] = outId[i]!;
    staging[base + IN_ID] = inId[i]!;
    staging[base + SET] = 1n;
    staging[base + STATUS] = 0n;
  }
}
