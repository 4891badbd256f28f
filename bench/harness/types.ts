/** What one workload measured in one round, by series. */
export type Readings = Readonly<Record<string, number>>;

/** Something that is run once a round. */
export interface Workload {
  readonly name: string;
  /** Runs it and gives one or more readings; each is a series of its own. */
  run(): Readings | Promise<Readings>;
}

/** One line of the result: our series against somebody else's. */
export interface Comparison {
  /** Series of ours. */
  readonly case: string;
  /** Series that it is held against. */
  readonly baseline: string;
  readonly unit: string;
  /** Which way is better. A speedup above 1 means that ours is better, either way. */
  readonly better: 'lower' | 'higher';
  /** Least speedup that we aim for, for the reader; nothing fails below it. */
  readonly aim?: number;
}

export interface CaseOptions {
  /** Make each round short: to see that a suite works, not to read numbers from it. */
  readonly quick: boolean;
  /** For progress, one line. */
  readonly log: (line: string) => void;
  /** Aborted when the run is interrupted: stop, so that close() is reached. */
  readonly signal: AbortSignal;
}

/** A suite that is set up: its workloads run interleaved, then it is closed. */
export interface Cases {
  readonly workloads: readonly Workload[];
  readonly comparisons: readonly Comparison[];
  /** Gives back what cases() took; also called after a failure. */
  close(): void | Promise<void>;
}

export interface Suite {
  readonly name: string;
  /** One line for --list. */
  readonly about: string;
  /** Says what stands in for hardware here; results are labelled with it. */
  readonly emulated?: string;
  /** How many rounds make a stable median. */
  readonly rounds: number;
  cases(options: CaseOptions): Promise<Cases>;
}

/** An entry of the JSON output. Values are medians over the rounds. */
export interface Result {
  readonly suite: string;
  readonly case: string;
  readonly baseline: string;
  readonly baselineValue: number;
  readonly value: number;
  readonly unit: string;
  readonly speedup: number;
  readonly rounds: number;
  /** What the medians are of, in the order of the rounds. */
  readonly readings: readonly number[];
  readonly baselineReadings: readonly number[];
}
