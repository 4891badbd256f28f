import { setImmediate } from 'node:timers/promises';
import { SdmError } from '../../src/common/errors.js';
import { median } from './median.js';
import type { CaseOptions, Cases, Comparison, Result, Suite } from './types.js';

/** Rounds of a quick run: enough for a median, too few to trust it. */
export const QUICK_ROUNDS = 3;

type Series = Map<string, number[]>;

/** One round of every workload. Which one is first rotates, so that none always follows another. */
async function round(
  cases: Cases,
  index: number,
  series: Series,
  signal: AbortSignal,
): Promise<void> {
  const count = cases.workloads.length;
  for (let i = 0; i < count; i += 1) {
    // A turn of the event loop, for signals to arrive also between workloads that never wait.
    await setImmediate();
    signal.throwIfAborted();
    const workload = cases.workloads[(i + index) % count]!;
    const readings = await workload.run();
    for (const [name, value] of Object.entries(readings)) {
      if (!Number.isFinite(value) || value <= 0) {
        throw new SdmError(
          'SDM_BENCH',
          `${workload.name} measured ${value} for "${name}"; expected a positive number`,
        );
      }
      series.set(name, [...(series.get(name) ?? []), value]);
    }
  }
}

function compare(suite: Suite, comparison: Comparison, series: Series): Result {
  const values = (name: string): number[] => {
    const found = series.get(name);
    if (found === undefined) {
      throw new SdmError(
        'SDM_INTERNAL',
        `suite ${suite.name} compares "${name}", which none of its workloads measured`,
      );
    }
    return found;
  };
  const ours = values(comparison.case);
  const theirs = values(comparison.baseline);
  const value = median(ours);
  const baselineValue = median(theirs);
  return {
    suite: suite.name,
    case: suite.emulated === undefined ? comparison.case : `${comparison.case} (emulated)`,
    baseline: comparison.baseline,
    baselineValue,
    value,
    unit: comparison.unit,
    speedup: comparison.better === 'lower' ? baselineValue / value : value / baselineValue,
    rounds: Math.min(ours.length, theirs.length),
    readings: ours,
    baselineReadings: theirs,
  };
}

/** Results in the order of the suite's comparisons, each with its aim beside it. */
export interface SuiteResults {
  readonly results: readonly Result[];
  readonly aims: readonly (number | undefined)[];
}

/**
 * Runs a suite: a warm-up round that does not count, then `rounds` rounds of all its workloads,
 * interleaved, so that what disturbs the machine disturbs all of them.
 */
export async function runSuite(
  suite: Suite,
  options: CaseOptions & { readonly rounds?: number | undefined },
): Promise<SuiteResults> {
  const rounds = options.rounds ?? (options.quick ? QUICK_ROUNDS : suite.rounds);
  const cases = await suite.cases(options);
  try {
    const series: Series = new Map();
    await round(cases, 0, new Map(), options.signal);
    for (let i = 0; i < rounds; i += 1) {
      await round(cases, i, series, options.signal);
      options.log(`${suite.name}: round ${i + 1} of ${rounds}`);
    }
    return {
      results: cases.comparisons.map((comparison) => compare(suite, comparison, series)),
      aims: cases.comparisons.map((comparison) => comparison.aim),
    };
  } catch (error) {
    // What a cancelled workload says matters less than that it was cancelled.
    options.signal.throwIfAborted();
    throw error;
  } finally {
    await cases.close();
  }
}
