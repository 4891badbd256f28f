import { SdmError } from '../common/errors.js';
import { formatSize } from '../common/units.js';
import { checkBrickCount, MAX_BRICKS } from './names.js';

const MIB = 1n << 20n;
const GIB = 1n << 30n;

/** The kernel's memory block on arm64 with 4K pages: shares are whole blocks, so that all of a
 * share can become RAM. */
export const SHARE_STEP = 128n * MIB;
/** Alignment of what a memport maps, and size of the pool's header. */
export const POOL_GRANULE = 2n * MIB;
/** Pool for each brick, before rounding to a power of two: 1 GiB can be lent with room to spare. */
const POOL_PER_BRICK = 2n * GIB;
export const DEFAULT_MEMORY = 512n * MIB;
const MIN_MEMORY = 256n * MIB;
/** Largest pool that fits below the end of `virt`'s high PCIe window (512 GiB, naturally aligned). */
const MAX_POOL = 256n * GIB;
export const DEFAULT_DISTANCES: readonly [number, number] = [20, 40];

/** A part of the pool: offset and size in bytes. */
export interface PoolShare {
  readonly start: bigint;
  readonly size: bigint;
  /** Every brick has it, for ranges used by several at once. */
  readonly shared: boolean;
}

export interface RackPlan {
  readonly bricks: number;
  /** Bytes, a power of two. */
  readonly poolSize: bigint;
  /** For ranges that several bricks use at once. The pool's header lies before it. */
  readonly sharedShare: PoolShare;
  /** Of brick n at n - 1; each brick's own. */
  readonly shares: readonly PoolShare[];
  /** What memory bricks lend, whole segments each; empty for a rack without a controller. */
  readonly lenders: readonly PoolShare[];
  /** RAM that a brick has of its own, bytes. */
  readonly memory: bigint;
  /** From node 0 to nodes 1 and 2, as in a SLIT: 10 is local. */
  readonly distances: readonly [number, number];
}

export interface PlanOptions {
  readonly bricks: number;
  /** Bytes; default 2 GiB a brick, rounded up to a power of two. */
  readonly poolSize?: bigint;
  /** Bytes; default 512 MiB. */
  readonly memory?: bigint;
  readonly distances?: readonly [number, number];
  /** Most of the pool is for memory bricks to lend; a brick's own share is one memory block. */
  readonly controller?: boolean;
}

/** Of a rack with a controller. */
export const LENDERS = 2;
/** A box has sixteen bricks, and the memory bricks are among them. */
const MAX_WITH_CONTROLLER = 16 - LENDERS;

/** The smallest power of two that is not below `value`. */
export function powerOfTwo(value: bigint): bigint {
  let power = 1n;
  while (power < value) power <<= 1n;
  return power;
}

/**
 * Decides who gets what of the pool. Header [0, granule) is never lent, the rest of the first
 * 128 MiB is shared, and what follows is split evenly in steps of 128 MiB: between the bricks or, with a
 * controller, but for a step for each brick, between memory bricks.
 * @throws SdmError SDM_INPUT where numbers are out of bounds.
 */
export function planRack(options: PlanOptions): RackPlan {
  const bricks = checkBrickCount(options.bricks);
  const controller = options.controller === true;
  if (controller && bricks > MAX_WITH_CONTROLLER) {
    throw bad(
      `${bricks} bricks were asked for with a controller; a box has room for ${MAX_WITH_CONTROLLER}, ` +
        `beside ${LENDERS} memory bricks`,
      { bricks, most: MAX_WITH_CONTROLLER },
    );
  }
  const poolSize = options.poolSize ?? powerOfTwo(BigInt(bricks) * POOL_PER_BRICK);
  checkPool(poolSize, controller ? bricks + LENDERS : bricks);
  const memory = options.memory ?? DEFAULT_MEMORY;
  if (memory < MIN_MEMORY || memory % MIB !== 0n || memory > MAX_POOL) {
    throw bad(
      `memory of a brick is ${formatSize(memory)}; it must be whole MiB, from ` +
        `${formatSize(MIN_MEMORY)} to ${formatSize(MAX_POOL)}`,
      { memory: String(memory) },
    );
  }
  const steps = poolSize / SHARE_STEP - 1n;
  const size = controller ? SHARE_STEP : (steps / BigInt(bricks)) * SHARE_STEP;
  const lent = SHARE_STEP * BigInt(bricks + 1);
  const each = ((poolSize - lent) / SHARE_STEP / BigInt(LENDERS)) * SHARE_STEP;
  const shares = Array.from({ length: bricks }, (_, i) => ({
    start: SHARE_STEP + BigInt(i) * size,
    size,
    shared: false,
  }));
  return {
    bricks,
    poolSize,
    sharedShare: { start: POOL_GRANULE, size: SHARE_STEP - POOL_GRANULE, shared: true },
    shares,
    lenders: controller
      ? Array.from({ length: LENDERS }, (_, i) => ({
          start: lent + BigInt(i) * each,
          size: each,
          shared: false,
        }))
      : [],
    memory,
    distances: checkDistances(options.distances ?? DEFAULT_DISTANCES),
  };
}

/** What the agent of brick `n` (from 1) may use. */
export function sharesOf(plan: RackPlan, n: number): readonly PoolShare[] {
  const own = plan.shares[n - 1];
  if (own === undefined) throw new RangeError(`no brick ${n} in a plan of ${plan.bricks}`);
  return [plan.sharedShare, own];
}

function checkPool(poolSize: bigint, bricks: number): void {
  const least = powerOfTwo(BigInt(bricks + 1) * SHARE_STEP);
  if (poolSize < least || poolSize > MAX_POOL || powerOfTwo(poolSize) !== poolSize) {
    throw bad(
      `a pool of ${formatSize(poolSize)} was asked for; for ${bricks} of at most ${MAX_BRICKS} ` +
        `bricks it must be a power of two (it is a PCI BAR) from ${formatSize(least)} to ` +
        formatSize(MAX_POOL),
      { pool: String(poolSize), least: String(least) },
    );
  }
}

function checkDistances(distances: readonly [number, number]): readonly [number, number] {
  for (const distance of distances) {
    // 10 is the node itself, 255 means unreachable; QEMU refuses both for another node.
    if (!Number.isInteger(distance) || distance <= 10 || distance >= 255) {
      throw bad(`distance ${distance} of a remote node is not in 11 to 254`, { distances });
    }
  }
  return distances;
}

function bad(message: string, details: Record<string, unknown>): SdmError {
  return new SdmError('SDM_INPUT', message, { details });
}
