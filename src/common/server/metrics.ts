import type { Counter, Gauge, Metric, Registry } from 'prom-client';
import { processMetrics } from './process-metrics.js';
import type { Durations } from './tallies.js';

/** Says one value; to be called once per combination of labels. */
export type Put<L extends string> = (value: number, labels?: Readonly<Record<L, string>>) => void;

/** Defines one metric, whose values are looked up at every scrape. */
export type Define = <const L extends string = never>(
  name: string,
  help: string,
  labels: readonly L[],
  look: (put: Put<L>) => void | Promise<void>,
) => void;

/** What a daemon defines its metrics with. */
export interface Definers {
  readonly gauge: Define;
  readonly counter: Define;
  /** Seconds, by one label. */
  readonly histogram: <L extends string>(
    name: string,
    help: string,
    label: string,
    durations: Durations<L>,
  ) => void;
}

/** What an operator graphs, in Prometheus's text format: a daemon's own metrics, then its process's. */
export class Metrics {
  readonly #own: ((definers: Definers) => void)[];
  #registry: Promise<Registry> | undefined;

  /** @param own defines the daemon's; called when somebody first asks. */
  constructor(own: (definers: Definers) => void) {
    this.#own = [own];
  }

  /** Adds to them; before anybody has asked. */
  also(own: (definers: Definers) => void): void {
    this.#own.push(own);
  }

  /** As of now. */
  async text(): Promise<{ readonly contentType: string; readonly text: string }> {
    const registry = await (this.#registry ??= this.#define());
    return { contentType: registry.contentType, text: await registry.metrics() };
  }

  async #define(): Promise<Registry> {
    // Loading it takes a tenth of a start, and many daemons are never asked.
    // Of CommonJS a bundle gives the default export only.
    const { default: prometheus } = await import('prom-client');
    const registry = new prometheus.Registry();
    const gauge = definer(prometheus.Gauge, registry);
    const counter = definer(prometheus.Counter, registry);
    const definers: Definers = {
      gauge,
      counter,
      histogram: (...what) => registry.registerMetric(histogram(...what)),
    };
    for (const define of this.#own) define(definers);
    processMetrics(gauge, counter);
    return registry;
  }
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
function histogram<L extends string>(
  name: string,
  help: string,
  label: string,
  durations: Durations<L>,
): Metric {
  const get = () => {
    const values = durations.entries().flatMap(([value, { cumulative, sum, count }]) => {
      const bucket = (le: string, n: number) => ({
        metricName: `${name}_bucket`,
        labels: { le, [label]: value },
        value: n,
      });
      return [
        ...durations.bounds.map((le, i) => bucket(String(le), cumulative[i] ?? 0)),
        bucket('+Inf', count),
        { metricName: `${name}_sum`, labels: { [label]: value }, value: sum },
        { metricName: `${name}_count`, labels: { [label]: value }, value: count },
      ];
    });
    return Promise.resolve({ name, help, type: 'histogram', aggregator: 'sum', values });
  };
  return { name, get } as unknown as Metric;
}
