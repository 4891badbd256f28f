import { statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { SdmError } from '../../common/errors.js';
import { hex } from '../../common/units.js';
import type { FileRange, Native } from '../../native/types.js';
import { codeOf } from '../memory/errors.js';
import type { Geometry } from './runs.js';
import type { LentRange, ScrubProof } from './types.js';

/** Of hugetlbfs, which gives pages back but tells no holes: statfs(2). */
const HUGETLBFS_MAGIC = 0x958458f6;

/** The part of the pool that a lender has: nobody else may have it meanwhile. */
export interface Pool {
  /** "file /path" or "device /path". */
  readonly name: string;
  /** Differs where the bytes of before are certainly not those of now. */
  readonly life: string;
  /** @throws SDM_SCRUB: it is not zero after all; SDM_ABORTED, SDM_SYSTEM. */
  scrub(range: LentRange, signal: AbortSignal): Promise<ScrubProof>;
  /** Bytes in it that are data, or may be; undefined where nobody can tell. */
  allocated(range: LentRange): Promise<bigint | undefined>;
  close(): void;
}

/**
 * Opens and locks the part of a pool.
 * @param boot what tells this boot of the machine from others.
 * @throws SDM_CONFIG (no such file, or it is too short), SDM_LOCKED, SDM_SYSTEM.
 */
export async function openPool(
  native: Pick<Native, 'openRange' | 'mapMemory'>,
  path: string,
  { base, size }: Geometry,
  boot: string,
): Promise<Pool> {
  const part = `${hex(base)}-${hex(base + size - 1n)}`;
  let range: FileRange;
  try {
    range = native.openRange(path, { offset: base, length: size });
  } catch (cause) {
    const { message } = cause as Error;
    const details = { pool: path, base: hex(base), size: hex(size) };
    if (codeOf(cause) === 'SDM_LOCKED') {
      throw new SdmError(
        'SDM_LOCKED',
        `another lender has a part of ${part} of the pool: ${message}`,
        { details, cause },
      );
    }
    throw new SdmError(
      'SDM_CONFIG',
      `the pool cannot be used: ${message}. Name a file or device that has ${part} as pool.path`,
      { details, cause },
    );
  }
  if (!range.regular) return new DevicePool(native, path, range, boot);
  const { dev, ino } = statSync(path, { bigint: true });
  const { type } = await statfs(path);
  return new FilePool(path, range, type !== HUGETLBFS_MAGIC, `${boot} ${dev}:${ino}`);
}

class FilePool implements Pool {
  readonly name: string;
  readonly life: string;
  readonly #range: FileRange;
  readonly #tellsHoles: boolean;

  constructor(path: string, range: FileRange, tellsHoles: boolean, life: string) {
    this.name = `file ${path}`;
    this.life = life;
    this.#range = range;
    this.#tellsHoles = tellsHoles;
  }

  async scrub({ start, size }: LentRange, signal: AbortSignal): Promise<ScrubProof> {
    const options = { offset: start, length: size, signal };
    const { punched, dataAt, otherAt } = await this.#range.scrub(options);
    if (otherAt >= 0n) throw notZero(start, size, `the byte at ${hex(otherAt)} is not zero`);
    const holes = dataAt < 0n;
    if (punched && this.#tellsHoles && !holes) {
      throw notZero(start, size, `the file system has data at ${hex(dataAt)} again`);
    }
    return { method: punched ? 'punch' : 'fill', holes, zeroes: true };
  }

  allocated({ start, size }: LentRange): Promise<bigint> {
    return this.#range.allocated({ offset: start, length: size });
  }

  close(): void {
    this.#range.close();
  }
}

/** What can only be mapped: zeroes are written, and read back. */
class DevicePool implements Pool {
  readonly name: string;
  readonly life: string;
  readonly #native: Pick<Native, 'mapMemory'>;
  readonly #path: string;
  readonly #range: FileRange;

  constructor(native: Pick<Native, 'mapMemory'>, path: string, range: FileRange, life: string) {
    this.name = `device ${path}`;
    this.life = life;
    this.#native = native;
    this.#path = path;
    this.#range = range;
  }

  async scrub({ start, size }: LentRange, signal: AbortSignal): Promise<ScrubProof> {
    const part = { path: this.#path, offset: start, length: size, writable: true };
    const map = this.#native.mapMemory(part);
    try {
      await map.fill(0n, { signal });
      const at = await map.findOther(0n, { signal });
      if (at >= 0n) throw notZero(start, size, `the word at ${hex(start + at)} is not zero`);
    } finally {
      map.close();
    }
    return { method: 'fill', holes: false, zeroes: true };
  }

  allocated(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  close(): void {
    this.#range.close();
  }
}

function notZero(start: bigint, size: bigint, found: string): SdmError {
  return new SdmError(
    'SDM_SCRUB',
    `${hex(start)}-${hex(start + size - 1n)} was scrubbed, and ${found}: somebody writes there ` +
      'still. Fence its last borrower; it is tried again',
    { details: { start: hex(start), size: hex(size) } },
  );
}
