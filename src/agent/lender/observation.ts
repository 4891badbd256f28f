import { EventLog } from '../../common/server/event-log.js';
import { Metrics } from '../../common/server/metrics.js';
import { Durations, Tally } from '../../common/server/tallies.js';
import { ERRORS, type ErrorCode } from '../../common/errors.js';
import { journalMetrics } from '../observe/metrics.js';
import type { LenderEvent, LenderObserver } from './events.js';
import type { Lender } from './lender.js';
import { SEGMENT_STATES, type ScrubProof } from './types.js';

const KINDS = [
  'granted',
  'dropped',
  'scrubbed',
  'scrub-failed',
  'stray',
  'epoch',
] as const satisfies readonly LenderEvent['kind'][];

/** Seconds: from a hole in an empty file to a GiB that is written. */
const BOUNDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60];

/** What the core tells, for `/v1/events` and `/metrics`. */
export class LenderObservation implements LenderObserver {
  readonly events = new EventLog<LenderEvent>();
  readonly kinds = new Tally<LenderEvent['kind']>(KINDS);
  readonly refusals = new Tally<ErrorCode>([]);
  readonly scrubs = new Durations<ScrubProof['method']>(BOUNDS, ['punch', 'fill']);
  scrubbedBytes = 0n;

  event(body: LenderEvent): void {
    this.kinds.add(body.kind);
    if (body.kind === 'scrubbed') {
      this.scrubs.add(body.proof.method, body.ms / 1000);
      this.scrubbedBytes += body.range.size;
    }
    this.events.append(body);
  }

  refused(code: ErrorCode): void {
    if (Object.hasOwn(ERRORS, code)) this.refusals.add(code);
  }
}

/** What an operator graphs of a lender; docs/lender.md has the list. */
export function lenderMetrics(lender: Lender, observation: LenderObservation): Metrics {
  const { kinds, refusals, scrubs } = observation;
  return new Metrics(({ gauge, counter, histogram }) => {
    gauge('sdm_lender_segments', 'Segments by state.', ['state'], (put) => {
      const { counts } = lender.segments();
      for (const state of SEGMENT_STATES) put(counts[state], { state });
    });
    gauge('sdm_lender_segment_bytes', 'Size of a segment.', [], async (put) =>
      put(Number((await lender.view()).segmentSize)),
    );
    gauge(
      'sdm_lender_allocated_bytes',
      'Bytes that the pool file has pages for.',
      [],
      async (put) => {
        const { allocated } = await lender.view();
        if (allocated !== undefined) put(Number(allocated));
      },
    );
    gauge('sdm_lender_grants', 'Grants by state.', ['state'], (put) => {
      const grants = lender.grants();
      for (const state of ['granted', 'leaving'] as const) {
        put(grants.filter((grant) => grant.state === state).length, { state });
      }
    });
    gauge('sdm_lender_scrubs_pending', 'Scrubs that run or wait.', [], (put) => put(lender.scrubs));
    histogram(
      'sdm_lender_scrub_duration_seconds',
      'Scrubs that were proven, of a GiB at most.',
      'method',
      scrubs,
    );
    counter('sdm_lender_scrubbed_bytes_total', 'Bytes that were proven to be zero.', [], (put) =>
      put(Number(observation.scrubbedBytes)),
    );
    journalMetrics(gauge, counter, lender);
    counter('sdm_refusals_total', 'Error answers of the API.', ['code'], (put) => {
      for (const [code, n] of refusals.entries()) put(n, { code });
    });
    counter('sdm_events_total', 'Events, as GET /v1/events tells them.', ['kind'], (put) => {
      for (const [kind, n] of kinds.entries()) put(n, { kind });
    });
  });
}
