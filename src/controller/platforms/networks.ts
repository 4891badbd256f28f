import { SdmError } from '../../common/errors.js';
import type { BrickId, PlatformRecord } from '../records.js';
import type { Entry, Put } from '../store/types.js';
import { networkKey, NETWORKS } from './keys.js';

export type NetworkNumber = readonly [BrickId, number];

/**
 * Numbers of memory bricks on the network, of which their attachments' outIds are made. A brick keeps the
 * one that it got at first sight, whatever becomes of the topology, and nobody else ever gets it: an
 * outId that an agent has still leads where it led.
 */
export class Networks {
  readonly #numbers = new Map<BrickId, number>();
  #next = 0;

  /** @throws SDM_INTERNAL for a brick that has none yet. */
  of(brick: BrickId): number {
    const number = this.#numbers.get(brick);
    if (number !== undefined) return number;
    throw new SdmError('SDM_INTERNAL', `memory brick ${brick} has no number on the network`);
  }

  /** @throws SDM_RECORD for what is no number, or two bricks' number. */
  load(entries: readonly Entry[]): void {
    const taken = new Map<number, BrickId>();
    for (const { key, value } of entries) {
      const number = /^[0-9]+$/.test(value) ? Number(value) : NaN;
      const other = taken.get(number);
      if (!Number.isSafeInteger(number) || other !== undefined) {
        const why = other === undefined ? 'no number' : `the number of ${other} as well`;
        throw new SdmError('SDM_RECORD', `${key} in the store is ${value}, ${why}`, {
          details: { key, found: value },
        });
      }
      const brick = key.slice(NETWORKS.length);
      taken.set(number, brick);
      this.take([[brick, number]]);
    }
  }

  /**
   * Numbers for those bricks that have none, in their order; nothing is changed.
   * @param recorded what attachments were made with before numbers were stored: of several of a brick
   *   the first is its own, and none of them is anybody else's.
   */
  missing(bricks: readonly BrickId[], recorded: () => readonly NetworkNumber[]): NetworkNumber[] {
    const without = bricks.filter((brick) => !this.#numbers.has(brick));
    if (without.length === 0) return [];
    const known = new Map<BrickId, number>();
    const taken = new Set(this.#numbers.values());
    let next = this.#next;
    for (const [brick, number] of recorded()) {
      next = Math.max(next, number + 1);
      if (this.#numbers.has(brick) || known.has(brick) || taken.has(number)) continue;
      known.set(brick, number);
      taken.add(number);
    }
    return without.map((brick) => [brick, known.get(brick) ?? next++]);
  }

  /** Those that are stored now. */
  take(numbers: readonly NetworkNumber[]): void {
    for (const [brick, number] of numbers) {
      this.#numbers.set(brick, number);
      this.#next = Math.max(this.#next, number + 1);
    }
  }
}

export const networkPut = ([brick, number]: NetworkNumber): Put => ({
  key: networkKey(brick),
  value: String(number),
});

/**
 * What the outIds of attachments say of their memory bricks.
 * @param transceivers of a compute brick; undefined: there is none of that name.
 */
export function recordedNumbers(
  platforms: Iterable<PlatformRecord>,
  transceivers: (brick: BrickId) => number | undefined,
): NetworkNumber[] {
  const numbers: NetworkNumber[] = [];
  for (const { brick, attachments } of platforms) {
    const count = transceivers(brick);
    if (count === undefined || attachments.length === 0) continue;
    for (const { memory, outId } of attachments) {
      numbers.push([memory, Number(BigInt(outId) / BigInt(count))]);
    }
  }
  return numbers;
}
