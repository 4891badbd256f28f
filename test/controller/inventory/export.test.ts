import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dot } from '../../../src/controller/inventory/export-dot.js';
import { gexf } from '../../../src/controller/inventory/export-gexf.js';
import type { Reserved } from '../../../src/controller/inventory/export-state.js';
import { generateTopology } from '../../../src/controller/inventory/generate.js';
import { parseTopology } from '../../../src/controller/inventory/topology-file.js';
import type { Topology } from '../../../src/controller/inventory/topology-schema.js';
import { anyOptions } from './any-options.js';
import { WHOLE } from './whole-topology.js';
import { all, parseXml, type Element } from './xml.js';

const whole = parseTopology(JSON.stringify(WHOLE));
const text = (pieces: Iterable<string>): string => [...pieces].join('');

const attachment = (n: number, reservation: number, path: number, util: number) => ({
  ...{ id: `p1-${n}`, memory: '0.0.8', first: n, count: 2, util, reservation, outId: '0x7' },
  ...({ mode: 'system-ram', state: 'attached', size: '0x20000000', remote: '0x0' } as const),
  path: {
    ...{ id: path, computeTransceiver: 0, memoryTransceiver: 7 },
    hops: [{ switch: 'dbesm-0-0', in: 0, out: 8 }],
  },
});
const reserved: Reserved = {
  bricks: [
    {
      id: '0.0.0',
      cores: { total: 8, free: 3 },
      localMemory: { total: '0x40000000', free: '0x100000' },
      liveness: 'up',
      drained: true,
      platforms: [1, 7],
    },
    {
      id: '0.0.8',
      segments: { total: 16, free: 12, dirty: 1, quarantined: 0 },
      liveness: 'lost',
      drained: false,
      platforms: [1],
    },
  ],
  platforms: [
    {
      id: 1,
      brick: '0.0.0',
      attachments: [attachment(0, 0, 5, 30), attachment(1, 0, 5, 30), attachment(2, 1, 5, 25)],
    },
  ],
};

/** What a node or an edge says of itself, and that it is declared. */
function valuesOf(element: Element, root: Element): Record<string, string> {
  const kind = element.name;
  const declared = new Map(
    all(root, 'attributes')
      .filter(({ attributes }) => attributes['class'] === kind)
      .flatMap((list) => all(list, 'attribute'))
      .map(({ attributes }) => [attributes['id']!, attributes['type']!]),
  );
  const values = all(element, 'attvalue').map(({ attributes: { for: id = '', value = '' } }) => {
    const type = declared.get(id);
    if (type === 'integer' || type === 'long') expect(value).toMatch(/^-?[0-9]+$/);
    else if (type === 'boolean') expect(value).toMatch(/^(true|false)$/);
    else if (type === 'double') expect(Number.isFinite(Number(value))).toBe(true);
    else expect(type).toBe('string');
    return [id, value] as const;
  });
  return Object.fromEntries(values);
}

/** Checks a drawing as Gephi would. */
function checkGexf(topology: Topology, drawn: string): Element {
  const root = parseXml(drawn);
  expect(root.attributes).toMatchObject({ xmlns: 'http://gexf.net/1.3', version: '1.3' });
  const nodes = all(root, 'node');
  const ids = new Set(nodes.map(({ attributes }) => attributes['id']));
  expect(ids.size).toBe(nodes.length);
  const edges = all(root, 'edge');
  for (const { attributes } of edges) {
    expect(ids.has(attributes['source'])).toBe(true);
    expect(ids.has(attributes['target'])).toBe(true);
  }
  for (const each of [...nodes, ...edges]) valuesOf(each, root);
  expect(edges.length).toBeGreaterThanOrEqual(topology.links?.length ?? 0);
  return root;
}

describe('GEXF', () => {
  it('has every brick, switch and link of any system', () => {
    fc.assert(
      fc.property(anyOptions, (options) => {
        const topology = generateTopology(options);
        const root = checkGexf(topology, text(gexf(topology)));
        expect(all(root, 'edge')).toHaveLength(topology.links!.length);
      }),
      { numRuns: 30 },
    );
  });

  it('shows what there is', () => {
    const root = checkGexf(whole, text(gexf(whole)));
    const nodes = new Map(
      all(root, 'node').map((each) => [each.attributes['id'], valuesOf(each, root)]),
    );
    expect(nodes.get('0.0.0')).toEqual({
      ...{ type: 'compute', rack: '0', box: '0', tray: '0', transceivers: '8', cores: '8' },
      ...{ memory: '1024', address: 'unix:/run/a' },
    });
    expect(nodes.get('dbesm-0-0')).toEqual({
      ...{ type: 'electrical switch', rack: '0', box: '0', ports: '64', capacity: '640' },
    });
    expect(nodes.get('ddosm')).toEqual({ type: 'optical switch', ports: '32' });
    const [first] = all(root, 'edge');
    expect(first!.attributes).toMatchObject({ source: '0.0.0', target: 'dbesm-0-0', weight: '1' });
    expect(valuesOf(first!, root)).toEqual({
      ...{ type: 'link', a: '0.0.0/0', b: 'dbesm-0-0/0', capacity: '100' },
    });
  });

  it('shows what is reserved: a reservation takes of a link once', () => {
    const root = checkGexf(whole, text(gexf(whole, reserved)));
    const nodes = new Map(
      all(root, 'node').map((each) => [each.attributes['id'], valuesOf(each, root)]),
    );
    expect(nodes.get('0.0.0')).toMatchObject({
      coresFree: '3',
      memoryFree: '1',
      liveness: 'up',
      drained: 'true',
      platforms: '1 7',
    });
    expect(nodes.get('0.0.8')).toMatchObject({ segmentsFree: '12', segmentsDirty: '1' });
    const edges = all(root, 'edge').map(
      (each) => [each.attributes['id'], valuesOf(each, root)] as const,
    );
    expect(edges.map(([id, { taken }]) => [id, taken])).toEqual([
      ['l0', '55'],
      ['l1', '55'],
      ['l2', '0'],
      ['p1-0', undefined],
      ['p1-1', undefined],
      ['p1-2', undefined],
    ]);
    expect(edges[3]![1]).toEqual({
      type: 'attachment',
      platform: '1',
      segments: '2',
      state: 'attached',
    });
  });

  it('says whatever an address is made of', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (strange) => {
        const value = structuredClone(whole) as any;
        const address = `unix:/${strange}"<&>'\u0000\ud800\n`;
        value.racks[0].boxes[0].trays[0].bricks[0].address = address;
        value.rack = address;
        checkGexf(value, text(gexf(value)));
        checkDot(text(dot(value)));
      }),
    );
  });
});

/** Reads DOT as far as we write it. */
function checkDot(drawn: string): string[] {
  const STRING = String.raw`"(?:[^"\\\n]|\\.)*"`;
  const ATTRIBUTES = String.raw`\[(?:\w+=(?:${STRING}|\w+) ?)*\]`;
  const forms = [
    `graph ${STRING} {`,
    `subgraph ${STRING} {`,
    String.raw`label=${STRING};`,
    '}',
    `(?:graph|node) ${ATTRIBUTES};`,
    `${STRING} ${ATTRIBUTES};`,
    `${STRING} -- ${STRING} ${ATTRIBUTES};`,
  ].map((form) => new RegExp(`^${form}$`));
  const lines = drawn
    .trimEnd()
    .split('\n')
    .map((line) => line.trim());
  for (const line of lines) {
    expect([line, forms.some((form) => form.test(line))]).toEqual([line, true]);
  }
  const count = (sign: string): number => lines.filter((line) => line.endsWith(sign)).length;
  expect(count('{')).toBe(count('}'));
  return lines;
}

describe('DOT', () => {
  it('draws any system', () => {
    fc.assert(
      fc.property(anyOptions, (options) => {
        checkDot(text(dot(generateTopology(options))));
      }),
      { numRuns: 30 },
    );
  });

  it('shows what there is, and what is reserved', () => {
    const plain = checkDot(text(dot(whole)));
    expect(plain).toContain('"0.0.0" [shape=box label="0.0.0\\n8 cores\\n1 GiB local"];');
    expect(plain).toContain('"0.0.0" -- "dbesm-0-0" [label="1"];');
    const lines = checkDot(text(dot(whole, reserved)));
    expect(lines).toContain('"0.0.8" [shape=box3d label="0.0.8\\n12 of 16 segments free"];');
    expect(lines).toContain('"0.0.8" -- "dbesm-0-0" [label="1, 55 %"];');
    expect(lines).toContain(
      '"0.0.0" -- "0.0.8" [label="p1-0: 2" style=dashed color=blue constraint=false];',
    );
  });

  it('draws links between the same two as one line', () => {
    const lines = checkDot(text(dot(generateTopology({ boxes: 1, compute: 1, memory: 1 }))));
    expect(lines.filter((line) => line.includes(' -- '))).toEqual([
      '"0.0.0" -- "dbesm-0-0" [label="8"];',
      '"0.0.1" -- "dbesm-0-0" [label="8"];',
      '"dbesm-0-0" -- "drosm-0" [label="8"];',
    ]);
  });
});
