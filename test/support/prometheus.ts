/** Prometheus's text format, version 0.0.4, read as strictly as its description allows. */

export interface Family {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`);
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)/;
const VALUE = /^(?:[+-]Inf|NaN|[+-]?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)$/;
const SUFFIXES = { counter: [''], gauge: [''], histogram: ['_bucket', '_sum', '_count'] } as const;

/**
 * Families by name.
 * @throws Error naming the line, for anything that a strict reader would refuse.
 */
export function parseMetrics(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, { type: Family['type']; help: string; samples: Sample[] }>();
  let help: readonly [string, string] | undefined;
  let current: string | undefined;
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const fail = (why: string): never => {
      throw new Error(`${why}: ${line}`);
    };
    const helpLine = new RegExp(`^# HELP (${NAME}) (.+)$`).exec(line);
    if (helpLine !== null) {
      help = [helpLine[1]!, helpLine[2]!];
      continue;
    }
    const typeLine = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`).exec(line);
    if (typeLine !== null) {
      current = typeLine[1]!;
      if (help?.[0] !== current) fail('no HELP just before');
      if (families.has(current)) fail('a second TYPE');
      const type = typeLine[2] as Family['type'];
      if ((type === 'counter') !== current.endsWith('_total')) fail('_total is for counters');
      families.set(current, { type, help: help![1], samples: [] });
      continue;
    }
    const sample = SAMPLE.exec(line) ?? fail('no sample');
    const family = families.get(current ?? '') ?? fail('a sample before any TYPE');
    const [, name = '', labels = '', value = ''] = sample;
    const suffixes: readonly string[] = SUFFIXES[family.type];
    if (!suffixes.some((suffix) => name === current + suffix)) fail('a sample of another family');
    if (!VALUE.test(value)) fail('no value');
    const parsed = { name, labels: labelsOf(labels, fail), value: numberOf(value) };
    if (family.samples.some((other) => key(other) === key(parsed))) fail('a second sample');
    family.samples.push(parsed);
  }
  for (const [name, family] of families)
    if (family.type === 'histogram') checkHistogram(name, family);
  return families;
}

function labelsOf(text: string, fail: (why: string) => never): Record<string, string> {
  const labels: Record<string, string> = {};
  for (let rest = text; rest !== '';) {
    const match = LABEL.exec(rest) ?? fail('bad labels');
    const [all, name = '', value = ''] = match;
    if (Object.hasOwn(labels, name)) fail('a label twice');
    labels[name] = value.replaceAll(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
    rest = rest.slice(all.length);
  }
  return labels;
}

function numberOf(text: string): number {
  return text.endsWith('Inf') ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text);
}

const key = ({ name, labels }: Sample): string =>
  name + JSON.stringify(Object.entries(labels).sort());

/** Buckets rise up to +Inf, which is the count. */
function checkHistogram(name: string, { samples }: Family): void {
  const series = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { le: _le, ...rest } = sample.labels;
    const labels = JSON.stringify(rest);
    series.set(labels, [...(series.get(labels) ?? []), sample]);
  }
  for (const [labels, all] of series) {
    const buckets = all.filter((one) => one.name === `${name}_bucket`);
    const bounds = buckets.map((one) => numberOf(one.labels['le'] ?? 'NaN'));
    const counts = buckets.map((one) => one.value);
    const rises = (values: readonly number[], strictly: boolean) =>
      values.every((v, i) => i === 0 || v > values[i - 1]! || (!strictly && v === values[i - 1]));
    const count = all.find((one) => one.name === `${name}_count`)?.value;
    const sum = all.find((one) => one.name === `${name}_sum`)?.value;
    const right =
      bounds.at(-1) === Infinity &&
      rises(bounds, true) &&
      rises(counts, false) &&
      counts.at(-1) === count &&
      sum !== undefined;
    if (!right) throw new Error(`histogram ${name}${labels} does not add up`);
  }
}

/** Of one sample. @throws Error where there is none. */
export function metric(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const wanted = key({ name, labels, value: 0 });
  for (const { samples } of families.values()) {
    const found = samples.find((sample) => key(sample) === wanted);
    if (found !== undefined) return found.value;
  }
  throw new Error(`no ${name} ${JSON.stringify(labels)}`);
}
