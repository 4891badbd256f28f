/**
 * Synthetic systems, as D4.4's genconfig.py made them. What is generated here is built straight into a
 * graph, or written as a file; both are the same system.
 */
import { hex } from '../../common/units.js';
import { addRack, addSwitches } from './compile.js';
import { withDefaults, type GenerateOptions } from './generate-options.js';
import { GraphBuilder, type Graph } from './graph.js';
import type { BrickEntry, LinkEntry, RackEntry, SwitchEntry, Topology } from './topology-schema.js';

export type { GenerateOptions } from './generate-options.js';

/** Where bricks, switches and their ends have their numbers, by counting. */
interface Layout extends GenerateOptions {
  readonly inBox: number;
  /** Kinds of switches of a box, in order. */
  readonly boxKinds: readonly ('electrical' | 'optical')[];
  readonly hasRack: boolean;
  readonly hasSite: boolean;
  /** Transceivers of a brick that go to the first switch of its box; the rest go to the second. */
  readonly split: number;
}

function layoutOf(given: Partial<GenerateOptions>): Layout {
  const options = withDefaults(given);
  const { boxSwitch, rackSwitch, siteSwitch, racks, transceivers } = options;
  const both = boxSwitch === 'both';
  const hasRack = rackSwitch !== 'none';
  return {
    ...options,
    inBox: options.compute + options.memory + options.accelerators,
    boxKinds: both ? ['electrical', 'optical'] : [boxSwitch],
    hasRack,
    hasSite: hasRack && siteSwitch !== 'none' && racks > 1,
    split: both ? transceivers >> 1 : transceivers,
  };
}

/** The system as a graph, with no text between: for the largest. @throws SdmError SDM_INPUT. */
export function generateGraph(given: Partial<GenerateOptions> = {}): Graph {
  const layout = layoutOf(given);
  const builder = new GraphBuilder({ segmentMiB: layout.segmentSize });
  addSwitches(builder, siteSwitches(layout), {});
  for (let r = 0; r < layout.racks; r++) addRack(builder, rackEntry(layout, r));
  const ends = {
    compute: (index: number, end: number) => builder.computeTransceiver(index, end),
    memory: (index: number, end: number) => builder.memoryTransceiver(index, end),
    accelerator: (index: number, end: number) => builder.acceleratorTransceiver(index, end),
    port: (index: number, end: number) => builder.port(index, end),
  };
  for (const [a, b] of linksOf(layout, ends)) builder.addLink(a, b, layout.linkCapacity);
  return builder.build();
}

/** The system as a value. @throws SdmError SDM_INPUT. */
export function generateTopology(given: Partial<GenerateOptions> = {}): Topology {
  const layout = layoutOf(given);
  const site = siteSwitches(layout);
  const racks = Array.from({ length: layout.racks }, (_, r) => rackEntry(layout, r));
  return {
    version: 1,
    segmentSize: hex(BigInt(layout.segmentSize) << 20n),
    ...(site.length === 0 ? {} : { switches: site }),
    racks,
    links: [...linkEntries(layout)],
  };
}

/** The system as the text of a file, piece by piece. @throws SdmError SDM_INPUT. */
export function* generateText(given: Partial<GenerateOptions> = {}): Generator<string> {
  const layout = layoutOf(given);
  const site = siteSwitches(layout);
  yield `{ "version": 1,\n  "segmentSize": "${hex(BigInt(layout.segmentSize) << 20n)}",\n`;
  if (site.length > 0) yield `  "switches": ${JSON.stringify(site)},\n`;
  yield '  "racks": [\n';
  for (let r = 0; r < layout.racks; r++) yield `${r === 0 ? '' : ',\n'}${rackText(layout, r)}`;
  yield '\n  ],\n  "links": [\n';
  let text = '';
  let comma = '';
  for (const link of linkEntries(layout)) {
    text += `${comma}    ${JSON.stringify(link)}`;
    comma = ',\n';
    if (text.length < 1 << 16) continue;
    yield text;
    text = '';
  }
  yield `${text}\n  ]\n}\n`;
}

/** A brick in a line. */
function rackText(layout: Layout, r: number): string {
  const { boxes, ...rack } = rackEntry(layout, r);
  const boxTexts = boxes.map(({ trays, ...box }) => {
    const trayTexts = trays.map(({ id, bricks }) => {
      const lines = bricks.map((brick) => `            ${JSON.stringify(brick)}`);
      return `          { "id": ${id}, "bricks": [\n${lines.join(',\n')}] }`;
    });
    return `      ${JSON.stringify(box).slice(0, -1)}, "trays": [\n${trayTexts.join(',\n')}] }`;
  });
  return `    ${JSON.stringify(rack).slice(0, -1)}, "boxes": [\n${boxTexts.join(',\n')}] }`;
}

function siteSwitches({ hasSite, siteSwitch, racks, rackUplinks }: Layout): SwitchEntry[] {
  if (!hasSite || siteSwitch === 'none') return [];
  return [{ id: 'ddosm', kind: siteSwitch, ports: racks * rackUplinks }];
}

const BOX_PREFIX = { electrical: 'dbesm', optical: 'dbosm' } as const;

function rackEntry(layout: Layout, r: number): RackEntry {
  const { boxes, boxKinds, rackSwitch, hasRack, hasSite, uplinks, rackUplinks } = layout;
  const ports = boxes * boxKinds.length * uplinks + (hasSite ? rackUplinks : 0);
  const own =
    !hasRack || rackSwitch === 'none'
      ? {}
      : { switches: [switchEntry(layout, `drosm-${r}`, rackSwitch, Math.max(2, ports))] };
  return {
    id: r,
    ...own,
    boxes: Array.from({ length: boxes }, (_, b) => ({
      id: b,
      switches: boxKinds.map((kind, k) =>
        switchEntry(
          layout,
          `${BOX_PREFIX[kind]}-${r}-${b}`,
          kind,
          Math.max(2, boxPorts(layout, k)),
        ),
      ),
      trays: trayEntries(layout),
    })),
  };
}

function switchEntry(
  { switchCapacity }: Layout,
  id: string,
  kind: 'electrical' | 'optical',
  ports: number,
): SwitchEntry {
  const limited = kind === 'electrical' && switchCapacity > 0;
  return { id, kind, ports, ...(limited ? { capacity: switchCapacity } : {}) };
}

/** Transceivers of a brick at switch k of its box. */
const sideOf = ({ split, transceivers }: Layout, k: number): number =>
  k === 0 ? split : transceivers - split;

const boxPorts = (layout: Layout, k: number): number =>
  layout.inBox * sideOf(layout, k) + (layout.hasRack ? layout.uplinks : 0);

function trayEntries(layout: Layout): RackEntry['boxes'][number]['trays'] {
  const bricks: BrickEntry[][] = Array.from({ length: layout.trays }, () => []);
  let id = 0;
  for (const type of ['compute', 'memory', 'accelerator'] as const) {
    const count = layout[type === 'accelerator' ? 'accelerators' : type];
    for (let i = 0; i < count; i++) {
      bricks[Math.floor((i * layout.trays) / count)]!.push(brickEntry(layout, type, id));
      id += 1;
    }
  }
  return bricks.map((each, t) => ({ id: t, bricks: each }));
}

function brickEntry(layout: Layout, type: BrickEntry['type'], id: number): BrickEntry {
  const { transceivers } = layout;
  switch (type) {
    case 'compute': {
      const islands = new Array<number>(layout.islands).fill(layout.cores);
      const memory = hex(BigInt(layout.localMemory) << 20n);
      return { id, type, islands, memory, transceivers, memports: layout.memports };
    }
    case 'memory':
      return { id, type, segments: layout.segments, transceivers };
    case 'accelerator':
      return { id, type, slots: 1, transceivers };
  }
}

/** How ends of links are told: by index among their kind and number of the end. */
interface Ends<E> {
  compute(index: number, end: number): E;
  memory(index: number, end: number): E;
  accelerator(index: number, end: number): E;
  /** Of a switch, by its index in the order of the file. */
  port(index: number, end: number): E;
}

/** All links: box by box from brick to switch and up to the rack's, then from racks up. */
function* linksOf<E>(layout: Layout, ends: Ends<E>): Generator<readonly [E, E]> {
  const { racks, boxes, boxKinds, hasRack, hasSite, uplinks, rackUplinks, inBox } = layout;
  const site = hasSite ? 1 : 0;
  const perRack = (hasRack ? 1 : 0) + boxes * boxKinds.length;
  for (let r = 0; r < racks; r++) {
    const rackSwitch = site + r * perRack;
    for (let b = 0; b < boxes; b++) {
      const first = rackSwitch + (hasRack ? 1 : 0) + b * boxKinds.length;
      for (let slot = 0; slot < inBox; slot++) {
        yield* brickLinks(layout, ends, r * boxes + b, slot, first);
      }
      for (let k = 0; hasRack && k < boxKinds.length; k++) {
        const down = (b * boxKinds.length + k) * uplinks;
        const up = inBox * sideOf(layout, k);
        for (let u = 0; u < uplinks; u++) {
          yield [ends.port(first + k, up + u), ends.port(rackSwitch, down + u)];
        }
      }
    }
    const up = boxes * boxKinds.length * uplinks;
    for (let u = 0; hasSite && u < rackUplinks; u++) {
      yield [ends.port(rackSwitch, up + u), ends.port(0, r * rackUplinks + u)];
    }
  }
}

function* brickLinks<E>(
  layout: Layout,
  ends: Ends<E>,
  box: number,
  slot: number,
  first: number,
): Generator<readonly [E, E]> {
  const { compute, memory, accelerators, split, transceivers } = layout;
  for (let t = 0; t < transceivers; t++) {
    let end: E;
    if (slot < compute) end = ends.compute(box * compute + slot, t);
    else if (slot < compute + memory) end = ends.memory(box * memory + slot - compute, t);
    else end = ends.accelerator(box * accelerators + slot - compute - memory, t);
    const k = t < split ? 0 : 1;
    const port = slot * sideOf(layout, k) + (k === 0 ? t : t - split);
    yield [end, ends.port(first + k, port)];
  }
}

function* linkEntries(layout: Layout): Generator<LinkEntry> {
  const { racks, boxes, boxKinds, hasRack, hasSite, compute, memory, accelerators } = layout;
  const names = hasSite ? ['ddosm'] : [];
  for (let r = 0; r < racks; r++) {
    if (hasRack) names.push(`drosm-${r}`);
    for (let b = 0; b < boxes; b++) {
      for (const kind of boxKinds) names.push(`${BOX_PREFIX[kind]}-${r}-${b}`);
    }
  }
  const brick = (each: number, from: number) => (index: number, end: number) => {
    const box = Math.floor(index / each);
    return `${Math.floor(box / boxes)}.${box % boxes}.${from + (index % each)}/${end}`;
  };
  const ends: Ends<string> = {
    compute: brick(compute, 0),
    memory: brick(memory, compute),
    accelerator: brick(accelerators, compute + memory),
    port: (index, end) => `${names[index]}/${end}`,
  };
  const { linkCapacity } = layout;
  const capacity = linkCapacity === 100 ? {} : { capacity: linkCapacity };
  for (const [a, b] of linksOf(layout, ends)) yield { a, b, ...capacity };
}
