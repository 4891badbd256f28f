import { median } from './median.js';

/** Parts that a reading is taken in: short enough that most end before the scheduler steps in. */
export const SLICES = 21;

/**
 * Nanoseconds per item of `loop`, which does as many as it is told: the median over SLICES parts of
 * about `count` in all. The loop is the caller's own: one that all workloads share would measure the
 * call of a function that the compiler cannot inline.
 */
export function perItem(count: number, loop: (count: number) => void): number {
  const each = Math.ceil(count / SLICES);
  const slices: number[] = [];
  for (let i = 0; i < SLICES; i += 1) {
    const start = process.hrtime.bigint();
    loop(each);
    slices.push(Number(process.hrtime.bigint() - start) / each);
  }
  return median(slices);
}
