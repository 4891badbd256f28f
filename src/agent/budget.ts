/** Beyond the sum of all steps' own deadlines for what touches no byte, and of their bases. */
const BASE_MS = 10 * 60_000;
/** Likewise for each GiB: adding, onlining its blocks, scrubbing, verifying, flushing. */
const MS_PER_GIB = 6 * 60_000;

/** Commands give their turn away while they wait for the disk: longer than this, and it hangs. */
export const JOURNAL_BUDGET_MS = 5 * 60_000;

/**
 * What no command of that size can take without something hanging: each step of it has a deadline,
 * and this is far beyond their sum. Milliseconds.
 * @param size bytes that the command is about.
 * @param waitsMs deadlines that the configuration or the request gives: for links, for offlining.
 */
export function commandBudgetMs(size: bigint, waitsMs: number): number {
  return BASE_MS + Math.ceil((Number(size >> 20n) / 1024) * MS_PER_GIB) + 2 * waitsMs;
}
