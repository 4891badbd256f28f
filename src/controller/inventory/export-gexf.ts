/** A topology for Gephi and what else reads GEXF 1.3: docs/topology.md says what is what. */
import { DEFAULT_CAPACITY, type BrickEntry, type Topology } from './topology-schema.js';
import { bricksOf, splitEnd, switchesOf } from './ends.js';
import { stateOf, type Reserved, type State } from './export-state.js';

type Value = string | number | boolean | undefined;
type Attributes = Readonly<Record<string, readonly [type: string, title: string]>>;

const NODE: Attributes = {
  type: ['string', 'type'],
  rack: ['integer', 'rack'],
  box: ['integer', 'box'],
  tray: ['integer', 'tray'],
  transceivers: ['integer', 'transceivers'],
  ports: ['integer', 'ports'],
  cores: ['integer', 'cores'],
  coresFree: ['integer', 'cores free'],
  memory: ['long', 'local memory, MiB'],
  memoryFree: ['long', 'local memory free, MiB'],
  segments: ['integer', 'segments'],
  segmentsFree: ['integer', 'segments free'],
  segmentsDirty: ['integer', 'segments that wait for a scrub'],
  capacity: ['long', 'capacity, percent of a transceiver'],
  address: ['string', 'address'],
  liveness: ['string', 'liveness'],
  drained: ['boolean', 'drained'],
  platforms: ['string', 'platforms'],
};
const EDGE: Attributes = {
  type: ['string', 'type'],
  a: ['string', 'end a'],
  b: ['string', 'end b'],
  capacity: ['long', 'capacity, percent of a transceiver'],
  taken: ['double', 'taken, percent of a transceiver'],
  platform: ['integer', 'platform'],
  segments: ['integer', 'segments'],
  state: ['string', 'state'],
};

/** Red, green, blue; of D4.4's pictures: what computes, what remembers, what joins them. */
const COLORS = {
  compute: [66, 133, 244],
  memory: [52, 168, 83],
  accelerator: [251, 188, 5],
  electrical: [120, 120, 120],
  optical: [234, 67, 53],
} as const;

/**
 * The text of a GEXF file, piece by piece.
 * @param topology that was checked.
 * @param reserved what is in use; without it there is only what there is.
 */
export function* gexf(topology: Topology, reserved?: Reserved): Generator<string> {
  const state = stateOf(reserved);
  yield (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    '<gexf xmlns="http://gexf.net/1.3" xmlns:viz="http://gexf.net/1.3/viz" ' +
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ' +
    'xsi:schemaLocation="http://gexf.net/1.3 http://gexf.net/1.3/gexf.xsd" version="1.3">\n' +
    '<meta><creator>sdm</creator>' +
    `<description>${escape(topology.rack ?? 'disaggregated memory')}</description></meta>\n` +
    '<graph defaultedgetype="undirected" mode="static">\n' +
    attributes('node', NODE) +
    attributes('edge', EDGE) +
    '<nodes>\n'
  );
  for (const { entry, rack, box } of switchesOf(topology)) {
    const { id, kind, ports, capacity } = entry;
    const where = { rack: rack?.id, box: box?.id };
    yield node(id, COLORS[kind], 6, { type: `${kind} switch`, ...where, ports, capacity });
  }
  for (const { entry, id, rack, box, tray } of bricksOf(topology)) {
    const where = { rack: rack.id, box: box.id, tray: tray.id };
    yield node(id, COLORS[entry.type], 10, { ...where, ...brick(id, entry, state) });
  }
  yield '</nodes>\n<edges>\n';
  for (const [i, { a, b, capacity = DEFAULT_CAPACITY }] of (topology.links ?? []).entries()) {
    const taken = state.taken.get(a) ?? state.taken.get(b) ?? 0;
    const ends = [splitEnd(a)!.id, splitEnd(b)!.id] as const;
    yield edge(`l${i}`, ends, capacity / 100, {
      ...{ type: 'link', a, b, capacity },
      taken: reserved === undefined ? undefined : taken,
    });
  }
  for (const { attachment, compute, memory, platform, segments, state: now } of state.uses) {
    yield edge(attachment, [compute, memory], segments, {
      ...{ type: 'attachment', platform, segments, state: now },
    });
  }
  yield '</edges>\n</graph>\n</gexf>\n';
}

function brick(id: string, entry: BrickEntry, state: State): Record<string, Value> {
  const now = state.bricks.get(id);
  const mib = (bytes: string | undefined): Value =>
    bytes === undefined ? undefined : String(BigInt(bytes) >> 20n);
  const common = {
    type: entry.type,
    transceivers: entry.transceivers,
    address: entry.address,
    liveness: now?.liveness,
    drained: now?.drained,
    platforms: now?.platforms.join(' '),
  };
  switch (entry.type) {
    case 'compute':
      return {
        ...common,
        cores: entry.islands.reduce((sum, cores) => sum + cores, 0),
        coresFree: now?.cores?.free,
        memory: mib(entry.memory),
        memoryFree: mib(now?.localMemory?.free),
      };
    case 'memory':
      return {
        ...common,
        segments: entry.segments,
        segmentsFree: now?.segments?.free,
        segmentsDirty: now?.segments?.dirty,
      };
    case 'accelerator':
      return common;
  }
}

function attributes(kind: 'node' | 'edge', titles: Attributes): string {
  const each = Object.entries(titles).map(
    ([id, [type, title]]) => `<attribute id="${id}" title="${escape(title)}" type="${type}"/>\n`,
  );
  return `<attributes class="${kind}">\n${each.join('')}</attributes>\n`;
}

function node(
  id: string,
  [r, g, b]: readonly [number, number, number],
  size: number,
  values: Readonly<Record<string, Value>>,
): string {
  return (
    `<node id="${escape(id)}" label="${escape(id)}">${valuesText(values)}` +
    `<viz:color r="${r}" g="${g}" b="${b}"/><viz:size value="${size}"/></node>\n`
  );
}

function edge(
  id: string,
  [source, target]: readonly [string, string],
  weight: number,
  values: Readonly<Record<string, Value>>,
): string {
  return (
    `<edge id="${escape(id)}" source="${escape(source)}" target="${escape(target)}" ` +
    `weight="${weight}">${valuesText(values)}</edge>\n`
  );
}

function valuesText(values: Readonly<Record<string, Value>>): string {
  const each = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([id, value]) => `<attvalue for="${id}" value="${escape(String(value))}"/>`);
  return `<attvalues>${each.join('')}</attvalues>`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** For an XML attribute or text; what no XML may have becomes U+FFFD. */
function escape(text: string): string {
  return text
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .replace(/[&<>"\t\n\r]/g, (sign) => ESCAPES[sign]!)
    .replace(/[\u0000-\u001f\ufffe\uffff]/g, '\ufffd');
}
