/**
 * What is counted from the start of a daemon on. These are plain numbers: prom-client, which takes
 * as long to load as a tenth of the start, comes in when somebody asks for metrics.
 */

/** Counts by label. */
export class Tally<L extends string> {
  readonly #counts = new Map<L, number>();

  /** @param labels shown from the start on, with 0: a rate needs the value before the first one. */
  constructor(labels: readonly L[]) {
    for (const label of labels) this.#counts.set(label, 0);
  }

  add(label: L): void {
    this.#counts.set(label, (this.#counts.get(label) ?? 0) + 1);
  }

  entries(): [L, number][] {
    return [...this.#counts];
  }
}

/** What a histogram of one label shows. */
export interface Spread {
  /** Per bound, in their order: how many were at most that long. */
  readonly cumulative: readonly number[];
  readonly sum: number;
  readonly count: number;
}

/** Durations by label, in buckets. Seconds. */
export class Durations<L extends string> {
  /** Upper ends of the buckets, rising. */
  readonly bounds: readonly number[];
  readonly #cells = new Map<L, { readonly counts: number[]; sum: number; count: number }>();

  constructor(bounds: readonly number[], labels: readonly L[]) {
    this.bounds = bounds;
    for (const label of labels) this.#cell(label);
  }

  add(label: L, seconds: number): void {
    const cell = this.#cell(label);
    const bucket = this.bounds.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) cell.counts[bucket]! += 1;
    cell.sum += seconds;
    cell.count += 1;
  }

  entries(): [L, Spread][] {
    return [...this.#cells].map(([label, { counts, sum, count }]) => {
      let below = 0;
      return [label, { cumulative: counts.map((n) => (below += n)), sum, count }];
    });
  }

  #cell(label: L) {
    const known = this.#cells.get(label);
    if (known !== undefined) return known;
    const cell = { counts: this.bounds.map(() => 0), sum: 0, count: 0 };
    this.#cells.set(label, cell);
    return cell;
  }
}
