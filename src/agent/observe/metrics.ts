import type { Counter, Gauge, Metric, Registry } from 'prom-client';
import { isLinkUp } from '../../abi/codec.js';
import type { AgentCore, Attachment } from '../types.js';
import { ATTACHMENT_STATES } from '../types.js';
import type { Counts } from './counts.js';
import { processMetrics } from './process-metrics.js';
import type { Durations } from './tallies.js';

/** Says one value; to be called once per combination of labels. */
type Put<L extends string> = (value: number, labels?: Readonly<Record<L, string>>) => void;

/** Defines one metric, whose values are looked up at every scrape. */
export type Define = <const L extends string = never>(
  name: string,
  help: string,
  labels: readonly L[],
  look: (put: Put<L>) => void | Promise<void>,
) => void;

const OWNERS = ['none', 'attachment', 'manual', 'foreign'] as const;

/** What an operator graphs, in Prometheus's text format. docs/metrics.md has the list. */
export class Metrics {
  readonly #agent: AgentCore;
  readonly #counts: Counts;
  #registry: Promise<Registry> | undefined;

  constructor(agent: AgentCore, counts: Counts) {
    this.#agent = agent;
    this.#counts = counts;
  }

  /** As of now. */
  async text(): Promise<{ readonly contentType: string; readonly text: string }> {
    const registry = await (this.#registry ??= this.#define());
    return { contentType: registry.contentType, text: await registry.metrics() };
  }

  async #define(): Promise<Registry> {
    // Loading it takes a tenth of a start, and many agents are never asked.
    // Of CommonJS a bundle gives the default export only.
    const { default: prometheus } = await import('prom-client');
    const registry = new prometheus.Registry();
    const gauge = definer(prometheus.Gauge, registry);
    const counter = definer(prometheus.Counter, registry);
    attachments(gauge, this.#agent);
    hardware(gauge, counter, this.#agent);
    journal(gauge, counter, this.#agent);
    this.#counted(counter, registry);
    processMetrics(gauge, counter);
    return registry;
  }

  #counted(counter: Define, registry: Registry): void {
    const { events, refusals, steps, failedSteps } = this.#counts;
    registry.registerMetric(
      histogram('sdm_step_duration_seconds', 'Steps of attach and detach that succeeded.', steps),
    );
    counter('sdm_steps_failed_total', 'Steps that were refused or failed.', ['step'], (put) => {
      for (const [step, n] of failedSteps.entries()) put(n, { step });
    });
    counter('sdm_refusals_total', 'Error answers of the API.', ['code'], (put) => {
      for (const [code, n] of refusals.entries()) put(n, { code });
    });
    counter('sdm_events_total', 'Events, as GET /v1/events tells them.', ['kind'], (put) => {
      for (const [kind, n] of events.entries()) put(n, { kind });
    });
  }
}

function attachments(gauge: Define, agent: AgentCore): void {
  // A combination that was there once stays with 0: a graph would show its last value for minutes.
  const seen = new Set<string>();
  gauge('sdm_attached_bytes', 'Remote memory in use.', ['mode', 'node'], (put) => {
    const sums = new Map<string, bigint>([...seen].map((key) => [key, 0n]));
    for (const a of agent.listAttachments().filter(inUse)) {
      const key = `${a.mode} ${a.node < 0 ? 'none' : a.node}`;
      seen.add(key);
      sums.set(key, (sums.get(key) ?? 0n) + a.size);
    }
    for (const [key, sum] of sums) {
      const [mode = '', node = ''] = key.split(' ');
      put(Number(sum), { mode, node });
    }
  });
  gauge('sdm_attachments', 'Attachments by state.', ['state'], (put) => {
    const all = agent.listAttachments();
    for (const state of ATTACHMENT_STATES)
      put(all.filter((a) => a.state === state).length, { state });
  });
  gauge('sdm_attachments_waiting', 'Attachments not in use since a boot.', ['for'], (put) => {
    const all = agent.listAttachments();
    for (const waits of ['controller', 'restore'] as const) {
      put(all.filter((a) => a.waits === waits).length, { for: waits });
    }
  });
}

function inUse({ mode, state, waits }: Attachment): boolean {
  return waits === undefined && state === (mode === 'device' ? 'present' : 'online');
}

function hardware(gauge: Define, counter: Define, agent: AgentCore): void {
  gauge('sdm_link_up', '1 while the link is up.', ['transceiver'], (put) => {
    const { status, downs } = agent.links();
    for (const t of downs.keys()) put(Number(isLinkUp(status, t)), { transceiver: `${t}` });
  });
  counter('sdm_link_downs_total', 'How often the link went down.', ['transceiver'], (put) => {
    for (const [t, downs] of agent.links().downs.entries()) {
      put(Number(downs), { transceiver: `${t}` });
    }
  });
  gauge('sdm_memports', 'Memports by owner; none: free.', ['owner'], (put) => {
    const all = agent.memports();
    for (const owner of OWNERS) put(all.filter((port) => port.owner === owner).length, { owner });
  });
}

function journal(gauge: Define, counter: Define, agent: AgentCore): void {
  const stats = () => agent.journal().stats;
  gauge('sdm_journal_pending_entries', 'Entries that are not safe yet.', [], (put) =>
    put(stats().pending),
  );
  gauge('sdm_journal_lag_seconds', 'Age of the oldest entry that is not safe yet.', [], (put) =>
    put(stats().lagMs / 1000),
  );
  gauge('sdm_journal_last_sync_seconds', 'How long the last entries took to be safe.', [], (put) =>
    put(stats().lastSyncMs / 1000),
  );
  gauge('sdm_journal_size_bytes', 'Length of the journal.', [], (put) => put(stats().bytes));
  counter('sdm_journal_checkpoints_total', 'How often it was written anew.', [], (put) =>
    put(stats().checkpoints),
  );
  gauge('sdm_journal_failed', '1 while the journal cannot be written at all.', [], (put) =>
    put(stats().refuses === 'everything' ? 1 : 0),
  );
  gauge('sdm_journal_full', '1 while its disk is full: memory can only be given back.', [], (put) =>
    put(stats().refuses === 'taking' ? 1 : 0),
  );
  gauge('sdm_epoch', 'Highest term of a controller so far; 0: none.', [], (put) =>
    put(Number(agent.journal().epoch?.epoch ?? 0n)),
  );
}

/** Gauges and counters alike: emptied and filled at every scrape. */
function definer(kind: typeof Gauge | typeof Counter, registry: Registry): Define {
  return (name, help, labelNames, look) => {
    new kind<string>({
      name,
      help,
      labelNames,
      registers: [registry],
      async collect(this: Gauge | Counter) {
        this.reset();
        await look((value, labels) => this.inc(labels ?? {}, value));
      },
    });
  };
}

/** prom-client's own histogram can only observe; this one shows what was observed before it came. */
function histogram<L extends string>(name: string, help: string, durations: Durations<L>): Metric {
  const get = () => {
    const values = durations
      .entries()
      .flatMap(([step, { cumulative, sum, count }]) => [
        ...durations.bounds.map((le, i) => bucket(name, step, String(le), cumulative[i] ?? 0)),
        bucket(name, step, '+Inf', count),
        { metricName: `${name}_sum`, labels: { step }, value: sum },
        { metricName: `${name}_count`, labels: { step }, value: count },
      ]);
    return Promise.resolve({ name, help, type: 'histogram', aggregator: 'sum', values });
  };
  return { name, get } as unknown as Metric;
}

function bucket(name: string, step: string, le: string, value: number) {
  return { metricName: `${name}_bucket`, labels: { le, step }, value };
}
