import { SdmError } from '../../src/common/errors.js';
import { optionsForBricks } from '../../src/controller/inventory/generate-options.js';
import { generateGraph } from '../../src/controller/inventory/generate.js';
import type { Graph } from '../../src/controller/inventory/graph.js';
import { isRefusal, ReservationCore } from '../../src/controller/reservation/core.js';
import type { Reservation, ReserveRequest } from '../../src/controller/reservation/types.js';
import type { CaseOptions, Cases, Comparison, Suite, Workload } from '../harness/types.js';
import { GraphologyRack, type Held } from './reservation-graphology.js';

/** Compute bricks, and as many memory bricks. */
const SIZES = [16, 256, 4096, 65_536] as const;
const FILLS = [0.5, 0.92] as const;
/** Segments of a memory brick: 64 GiB of 256 MiB each. */
const SEGMENTS = 256;
/** Reservations that come and go; the others stay. */
const CHURNED = 4096;
const PAIRS = 40_000;
/** Pairs of the baseline in a round at most; fewer where they are slow. */
const BASELINE_PAIRS = 2_000;
const BASELINE_MS = 400;

/** What we hold ourselves to, in the unit of the series. */
const AIMS = { p50: 2, p99: 6, growth: 0.5, buildMs: 1000, buildMiB: 400 };

/** The same numbers in every run. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(count: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) | 0;
    return (this.#state >>> 8) % count;
  }
}

function request(random: Random): ReserveRequest {
  return {
    cores: 1 + random.below(3),
    localMemory: 256 * random.below(5),
    segments: 1 + random.below(32),
    pathUtil: 1 + random.below(9),
    policy: 'nearest',
  };
}

function system(size: number): Graph {
  return generateGraph({
    ...optionsForBricks(size),
    segments: SEGMENTS,
    islands: 2,
    cores: 32,
    localMemory: 65_536,
    memports: 64,
  });
}

const count = (held: { runs: readonly { count: number }[] }): number =>
  held.runs.reduce((sum, run) => sum + run.count, 0);

/** What comes and goes on one side; `Answer` is what reserving gives there. */
interface Side<Answer extends { runs: readonly { count: number }[] }> {
  reserve(request: ReserveRequest): Answer | undefined;
  release(answer: Answer): void;
}

/**
 * Pairs of releasing one reservation and making another one, each pair by itself by the clock. The fill
 * stays: whenever more is taken than at the start, one more is released, which is not measured.
 */
class Churn<Answer extends { runs: readonly { count: number }[] }> {
  #over = 0;
  readonly #random = new Random(7);

  constructor(
    readonly side: Side<Answer>,
    readonly live: Answer[],
  ) {}

  /** Microseconds of each pair, sorted; ends after `ms` at the latest. */
  run(pairs: number, ms = Infinity): Float64Array {
    const { side, live } = this;
    const random = this.#random;
    const times = new Float64Array(pairs);
    const begin = performance.now();
    let done = 0;
    while (done < pairs && performance.now() - begin < ms) {
      while (this.#over > 0 && live.length > 1) {
        const gone = live.pop()!;
        side.release(gone);
        this.#over -= count(gone);
      }
      const at = random.below(live.length);
      const old = live[at]!;
      const asked = request(random);
      const start = process.hrtime.bigint();
      side.release(old);
      const made = side.reserve(asked);
      const time = process.hrtime.bigint() - start;
      this.#over -= count(old);
      if (made === undefined) {
        live.splice(at, 1);
        continue;
      }
      this.#over += count(made);
      live[at] = made;
      // Room that was made for a large one is filled by the next small ones.
      if (this.#over < -32) this.#refill(random);
      times[done] = Number(time) / 1000;
      done += 1;
    }
    if (done === 0) throw new SdmError('SDM_BENCH', 'nothing could be reserved');
    return times.subarray(0, done).sort();
  }

  #refill(random: Random): void {
    const made = this.side.reserve(request(random));
    if (made === undefined) return;
    this.live.push(made);
    this.#over += count(made);
  }
}

/** Fills a system by reserving, and the baseline with the same; a sample of what is in it is to churn. */
function filled(graph: Graph, fill: number, size: number) {
  const core = new ReservationCore(graph);
  const theirs = new GraphologyRack(graph);
  const random = new Random(size);
  const ourLive: Reservation[] = [];
  const target = size * SEGMENTS * fill;
  const kept = Math.min(1000, (1000 * CHURNED) / (target / 16.5));
  for (let taken = 0; taken < target;) {
    const made = core.reserve(request(random));
    if (isRefusal(made)) {
      throw new SdmError('SDM_BENCH', `${size} bricks were full too early: ${made.resource}`);
    }
    taken += count(made);
    if (random.below(1000) < kept) ourLive.push(made);
    else theirs.adopt(made);
  }
  // What churns at the baseline is made there, where room is left for just that.
  const theirLive: Held[] = [];
  for (const { cores, localMemory, runs, paths } of ourLive) {
    const segments = count({ runs });
    const held = theirs.reserve({
      cores,
      localMemory,
      segments,
      pathUtil: paths[0]!.util,
      policy: 'nearest',
    });
    if (held !== undefined) theirLive.push(held);
  }
  const reserve = (asked: ReserveRequest): Reservation | undefined => {
    const made = core.reserve(asked);
    return isRefusal(made) ? undefined : made;
  };
  return {
    ours: new Churn({ reserve, release: (held: Reservation) => void core.release(held) }, ourLive),
    theirs: new Churn<Held>(theirs, theirLive),
  };
}

const at = (sorted: Float64Array, part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;

const nameOf = (size: number, fill: number, what: string): string =>
  `${size.toLocaleString('en-US')} bricks each, ${Math.round(fill * 100)} % full, ${what}`;
const theirs = (name: string): string => `graphology, ${name}`;

function percentiles(name: (what: string) => string, times: Float64Array): Record<string, number> {
  return { [name('p50')]: at(times, 0.5), [name('p99')]: at(times, 0.99) };
}

const BUILD = 'building the largest';
const MEMORY = 'memory of the largest';

/** Until the first request could be answered, and what that holds. */
function building(size: number): Workload {
  return {
    name: BUILD,
    run: () => {
      const held = (): number => {
        const { arrayBuffers, heapUsed } = process.memoryUsage();
        return arrayBuffers + heapUsed;
      };
      const before = held();
      const start = performance.now();
      const core = new ReservationCore(system(size));
      const ms = performance.now() - start;
      const bytes = held() - before;
      // What a collection freed meanwhile would make it too little: the columns alone are more than this.
      const columns = core.graph.columns.endpoints.count * 30;
      return { [BUILD]: ms, [MEMORY]: Math.max(bytes, columns) / 2 ** 20 };
    },
  };
}

const lower = (name: string, baseline: string, unit: string, aim?: number): Comparison => ({
  case: name,
  baseline,
  unit,
  better: 'lower',
  ...(aim === undefined ? {} : { aim }),
});

/** An aim that is a number of its own stands in the table as a baseline that is always that. */
const limit = (what: string): string => `aim: ${what}`;

function comparisons(sizes: readonly number[]): Comparison[] {
  const all: Comparison[] = [];
  for (const size of sizes) {
    for (const fill of FILLS) {
      for (const what of ['p50', 'p99'] as const) {
        const name = nameOf(size, fill, what);
        all.push(lower(name, theirs(name), 'us/pair'), lower(name, limit(what), 'us/pair', 1));
      }
    }
  }
  const [smallest, largest] = [sizes[0]!, sizes.at(-1)!];
  for (const fill of FILLS) {
    const [big, small] = [nameOf(largest, fill, 'p50'), nameOf(smallest, fill, 'p50')];
    all.push(lower(big, small, 'us/pair', AIMS.growth));
  }
  all.push(lower(BUILD, limit('build'), 'ms', 1), lower(MEMORY, limit('memory'), 'MiB', 1));
  return all;
}

async function cases({ quick, log, signal }: CaseOptions): Promise<Cases> {
  const sizes = quick ? SIZES.slice(0, 2) : SIZES;
  const workloads: Workload[] = [building(sizes.at(-1)!)];
  for (const size of sizes) {
    const graph = system(size);
    for (const fill of FILLS) {
      signal.throwIfAborted();
      const sides = filled(graph, fill, size);
      log(`reservation: ${nameOf(size, fill, 'filled')}`);
      const name = (what: string): string => nameOf(size, fill, what);
      workloads.push(
        { name: name('ours'), run: () => percentiles(name, sides.ours.run(quick ? 2000 : PAIRS)) },
        {
          name: theirs(name('')),
          run: () =>
            percentiles(
              (what) => theirs(name(what)),
              sides.theirs.run(quick ? 100 : BASELINE_PAIRS, BASELINE_MS),
            ),
        },
      );
    }
  }
  const { p50, p99, buildMs, buildMiB } = AIMS;
  const limits = { p50, p99, build: buildMs, memory: buildMiB };
  workloads.push({
    name: 'aims',
    run: () =>
      Object.fromEntries(Object.entries(limits).map(([what, value]) => [limit(what), value])),
  });
  return { workloads, comparisons: comparisons(sizes), close: async () => {} };
}

export const reservation: Suite = {
  name: 'reservation',
  about: 'reserving and releasing, with cores, segments, memports, transceivers, links and ports',
  rounds: 7,
  cases,
};
