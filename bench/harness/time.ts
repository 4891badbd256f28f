/**
 * Nanoseconds per item of `loop`, which does `count` of them. The loop is the caller's own: one that
 * all workloads share would measure the call of a function that the compiler cannot inline.
 */
export function perItem(count: number, loop: (count: number) => void): number {
  const start = process.hrtime.bigint();
  loop(count);
  return Number(process.hrtime.bigint() - start) / count;
}
