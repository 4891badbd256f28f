import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { BLOCK_MAX, MEMPORT, MEMPORT_BASE, MEMPORT_STRIDE, REG, STATUS } from '../abi/constants.js';
import { SdmError } from '../common/errors.js';
import { waitFor } from '../common/wait.js';
import type { FileLock, Native } from '../native/types.js';
import { POOL_GRANULE } from './plan.js';

export const REGISTER_FILE_SIZE = BLOCK_MAX;
/** Whoever else writes links has done so within microseconds. */
const LINK_LOCK_MS = 2000;

/** The addon is loaded only where it is needed: help and status must work before it is built. */
async function addon(): Promise<typeof import('../native/index.js').native> {
  return (await import('../native/index.js')).native;
}

/**
 * Makes a register file and formats it as the logic of a generic passive block would: the window is
 * the pool BAR, so there is no translation, and all links are up.
 */
export async function createRegisters(path: string, poolSize: bigint): Promise<void> {
  writeFileSync(path, '', { mode: 0o600, flag: 'wx' });
  truncateSync(path, REGISTER_FILE_SIZE);
  (await addon()).formatRegisters(
    { path },
    {
      profile: 'generic',
      windowBase: 0n,
      windowSize: poolSize,
      remoteSize: poolSize,
      granule: POOL_GRANULE,
    },
  );
}

/**
 * Bytes that a brick's memports map, by its registers. A look from outside: a memport that is being
 * written just then may or may not count.
 * @returns undefined if there is no register file.
 */
export function attachedBytes(path: string): bigint | undefined {
  let block: Buffer;
  try {
    block = readFileSync(path);
  } catch {
    return undefined;
  }
  if (block.length < REGISTER_FILE_SIZE) return undefined;
  const nports = Number(block.readBigUInt64LE(REG.NPORTS));
  let sum = 0n;
  for (let port = 0; port < nports; port++) {
    const base = MEMPORT_BASE + port * MEMPORT_STRIDE;
    if (base + MEMPORT_STRIDE > block.length) break;
    if (block.readBigUInt64LE(base + MEMPORT.STATUS) !== BigInt(STATUS.ACTIVE)) continue;
    const start = block.readBigUInt64LE(base + MEMPORT.START);
    sum += block.readBigUInt64LE(base + MEMPORT.END) - start + 1n;
  }
  return sum;
}

/**
 * Takes a link up or down: the rack is the other side of a brick's transceivers, so LINK_STATUS and
 * LINK_DOWNS are its to write. Aligned 64-bit accesses through a mapping, as for hardware. Reading and
 * writing back is not atomic, so that the rack's commands and a tray's daemon take turns by a lock file
 * beside the registers, `PATH.links`.
 * @returns whether anything changed.
 * @throws SdmError SDM_INPUT if the block has no such transceiver, SDM_TIMEOUT if another process holds
 *   the lock, SDM_NOT_FOUND if there is no such file.
 */
export async function setLink(path: string, transceiver: number, up: boolean): Promise<boolean> {
  const native = await addon();
  const lock = await waitFor(
    `the lock of the links of ${path}`,
    () => {
      try {
        return lockLinks(native, `${path}.links`);
      } catch (error) {
        if (codeOf(error) === 'SDM_LOCKED') return undefined;
        throw error;
      }
    },
    { timeoutMs: LINK_LOCK_MS, intervalMs: 2 },
  );
  try {
    return writeLink(native, path, transceiver, up);
  } finally {
    lock.close();
  }
}

/** Without writing to it, which costs more than all the rest, but for the first time. */
function lockLinks(native: Native, path: string): FileLock {
  try {
    return native.lockFile(path, { existing: true });
  } catch (error) {
    if (codeOf(error) !== 'SDM_NOT_FOUND') throw error;
    return native.lockFile(path);
  }
}

/** Errors of the addon carry a code as ours do, and are of no class of ours. */
function codeOf(error: unknown): unknown {
  return error instanceof Error ? (error as { readonly code?: unknown }).code : undefined;
}

function writeLink(native: Native, path: string, transceiver: number, up: boolean): boolean {
  const map = native.mapMemory({
    path,
    length: BigInt(REGISTER_FILE_SIZE),
    writable: true,
  });
  const word = Buffer.alloc(8);
  const read = (offset: number): bigint => {
    map.read(BigInt(offset), word);
    return word.readBigUInt64LE();
  };
  const write = (offset: number, value: bigint): void => {
    word.writeBigUInt64LE(value);
    map.write(BigInt(offset), word);
  };
  try {
    const count = Number(read(REG.NTRANSCEIVERS));
    if (!Number.isInteger(transceiver) || transceiver < 0 || transceiver >= count) {
      throw noTransceiver(transceiver, count);
    }
    const links = read(REG.LINK_STATUS);
    const bit = 1n << BigInt(transceiver);
    if (((links & bit) !== 0n) === up) return false;
    // Down first, counted after: who sees the new count also sees the link down.
    write(REG.LINK_STATUS, links ^ bit);
    const downs = REG.LINK_DOWNS + 8 * transceiver;
    if (!up) write(downs, BigInt.asUintN(64, read(downs) + 1n));
    return true;
  } finally {
    map.close();
  }
}

/** The refusal of a transceiver that a brick does not have. */
export function noTransceiver(transceiver: number, count: number): SdmError {
  const range = count === 0 ? 'none' : `${count}: 0 to ${count - 1}`;
  return new SdmError('SDM_INPUT', `transceiver ${transceiver} was named; the brick has ${range}`, {
    details: { transceiver, count },
  });
}
