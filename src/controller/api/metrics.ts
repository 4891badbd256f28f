import type { ErrorCode } from '../../common/errors.js';
import { Metrics, type Define } from '../../common/server/metrics.js';
import { Tally } from '../../common/server/tallies.js';
import { ATTACHMENT_STATES, PLATFORM_STATES } from '../records.js';
import type { ControllerCore } from '../types.js';
import { LIVENESS } from '../views.js';

/** What the API counts by itself. */
export interface ApiCounts {
  readonly refusals: Tally<ErrorCode>;
}

export const apiCounts = (): ApiCounts => ({ refusals: new Tally<ErrorCode>([]) });

/** What an operator graphs of a rack. docs/controller-api.md has the list. */
export function controllerMetrics(core: ControllerCore, { refusals }: ApiCounts): Metrics {
  return new Metrics(({ gauge, counter }) => {
    resources(gauge, core);
    states(gauge, core);
    liveness(gauge, core);
    counter('sdm_refusals_total', 'Error answers of the API.', ['code'], (put) => {
      for (const [code, n] of refusals.entries()) put(n, { code });
    });
    counter('sdm_events_total', 'Events since the start.', [], (put) => put(core.events.next - 1));
    gauge('sdm_controller_epoch', 'The term of this controller.', [], (put) =>
      put(Number(core.epoch)),
    );
    gauge('sdm_controller_problems', 'What somebody should look at.', ['about'], (put) => {
      for (const { about } of core.problems()) put(1, { about });
    });
  });
}

/**
 * What all metrics of one scrape look at, made once: they are asked one after the other before anything
 * else happens.
 */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    if (made === undefined) {
      made = { value: make() };
      setImmediate(() => (made = undefined));
    }
    return made.value;
  };
}

function resources(gauge: Define, core: ControllerCore): void {
  const totals = once(() => core.totals());
  gauge('sdm_cores', 'Cores of all compute bricks.', ['state'], (put) => {
    const { cores, coresFree } = totals();
    put(coresFree, { state: 'free' });
    put(cores - coresFree, { state: 'used' });
  });
  gauge('sdm_local_memory_bytes', 'Local memory of all compute bricks.', ['state'], (put) => {
    const { localMemory, localMemoryFree } = totals();
    const free = Number(localMemoryFree);
    put(free, { state: 'free' });
    put(Number(localMemory) - free, { state: 'used' });
  });
  gauge('sdm_segments', 'Segments of all memory bricks.', ['state'], (put) => {
    const { segments, segmentsFree, segmentsDirty, segmentsQuarantined } = totals();
    put(segmentsFree, { state: 'free' });
    put(segmentsDirty, { state: 'dirty' });
    put(segmentsQuarantined, { state: 'quarantined' });
    put(segments - segmentsFree - segmentsDirty - segmentsQuarantined, { state: 'used' });
  });
  gauge('sdm_segment_bytes', 'Size of a segment.', [], (put) => put(Number(totals().segmentSize)));
}

function states(gauge: Define, core: ControllerCore): void {
  const counts = once(() => core.counts());
  gauge('sdm_platforms', 'Platforms by state.', ['state'], (put) => {
    const { platforms } = counts();
    for (const state of PLATFORM_STATES) put(platforms.get(state) ?? 0, { state });
  });
  gauge('sdm_platform_attachments', 'Attachments by state.', ['state'], (put) => {
    const { attachments } = counts();
    for (const state of ATTACHMENT_STATES) put(attachments.get(state) ?? 0, { state });
  });
}

function liveness(gauge: Define, core: ControllerCore): void {
  const bricks = once(() => core.bricks());
  gauge('sdm_bricks', 'Bricks by what the controller last saw.', ['liveness'], (put) => {
    const counts = count(bricks().map(({ liveness }) => liveness));
    for (const liveness of LIVENESS) put(counts.get(liveness) ?? 0, { liveness });
  });
  gauge('sdm_bricks_drained', 'Bricks to which nothing new goes.', [], (put) =>
    put(bricks().filter(({ drained }) => drained).length),
  );
  gauge('sdm_drift', 'Differences that are not repaired.', ['done'], (put) => {
    const counts = count(core.drift().items.map(({ done }) => done));
    for (const done of ['reported', 'waiting'] as const) put(counts.get(done) ?? 0, { done });
  });
}

function count<T>(values: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
