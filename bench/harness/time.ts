/** Nanoseconds per call of `work`, called `count` times with 0, 1, 2, … */
export function perItem(count: number, work: (index: number) => void): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; i += 1) work(i);
  return Number(process.hrtime.bigint() - start) / count;
}
