import { SdmError } from '../../src/common/errors.js';

/** Middle value, or the mean of the two in the middle. @throws SDM_INTERNAL for no values at all. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  if (upper === undefined) throw new SdmError('SDM_INTERNAL', 'the median of no values');
  return sorted.length % 2 === 1 ? upper : (sorted[middle - 1]! + upper) / 2;
}
