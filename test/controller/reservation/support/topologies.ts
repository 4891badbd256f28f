import fc from 'fast-check';
import { GraphBuilder, type Graph } from '../../../../src/controller/inventory/graph.js';

/** A small system, wired at random: any topology, not only what racks look like. */
export interface Wiring {
  readonly boxes: number;
  readonly computes: readonly {
    box: number;
    islands: number[];
    memory: number;
    memports: number;
    transceivers: number;
  }[];
  readonly memories: readonly { box: number; segments: number; transceivers: number }[];
  readonly switches: readonly { optical: boolean; ports: number; capacity: number | undefined }[];
  /** Pairs of ends, as numbers to be taken modulo what is still free. */
  readonly links: readonly (readonly [number, number, number])[];
}

const box = fc.nat({ max: 2 });

export const wiring: fc.Arbitrary<Wiring> = fc.record({
  boxes: fc.constant(3),
  computes: fc.array(
    fc.record({
      box,
      islands: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 2 }),
      memory: fc.integer({ min: 0, max: 1000 }),
      memports: fc.integer({ min: 1, max: 5 }),
      transceivers: fc.integer({ min: 1, max: 3 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  memories: fc.array(
    fc.record({
      box,
      segments: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 30, max: 70 })),
      transceivers: fc.integer({ min: 1, max: 3 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  switches: fc.array(
    fc.record({
      optical: fc.boolean(),
      ports: fc.integer({ min: 2, max: 6 }),
      capacity: fc.option(fc.integer({ min: 50, max: 300 }), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  links: fc.array(fc.tuple(fc.nat(999), fc.nat(999), fc.constantFrom(100, 100, 60, 250)), {
    minLength: 2,
    maxLength: 14,
  }),
});

export function graphOf({ boxes, computes, memories, switches, links }: Wiring): Graph {
  const builder = new GraphBuilder({ segmentMiB: 256 });
  const rack = builder.addRack(0);
  const boxIndex = Array.from({ length: boxes }, (_, id) => builder.addBox(rack, id));
  const ends: number[] = [];
  let id = 0;
  switches.forEach(({ optical, ports, capacity }, i) => {
    const index = builder.addSwitch({
      id: `s${i}`,
      kind: optical ? 'optical' : 'electrical',
      ports,
      ...(capacity === undefined ? {} : { capacity }),
    });
    for (let p = 0; p < ports; p += 1) ends.push(builder.port(index, p));
  });
  for (const { box, ...rest } of computes) {
    const index = builder.addCompute(boxIndex[box]!, { id: id++, ...rest });
    for (let t = 0; t < rest.transceivers; t += 1) ends.push(builder.computeTransceiver(index, t));
  }
  for (const { box, ...rest } of memories) {
    const index = builder.addMemory(boxIndex[box]!, { id: id++, ...rest });
    for (let t = 0; t < rest.transceivers; t += 1) ends.push(builder.memoryTransceiver(index, t));
  }
  for (const [a, b, capacity] of links) {
    if (ends.length < 2) break;
    const [one] = ends.splice(a % ends.length, 1);
    const [other] = ends.splice(b % ends.length, 1);
    builder.addLink(one!, other!, capacity);
  }
  return builder.build();
}

/** Racks as they are: boxes with a switch of their own, and one circuit switch between. */
export const rackWiring: fc.Arbitrary<Wiring> = fc
  .record({
    optical: fc.boolean(),
    boxes: fc.integer({ min: 1, max: 3 }),
    transceivers: fc.integer({ min: 1, max: 2 }),
    uplinks: fc.integer({ min: 1, max: 2 }),
    segments: fc.integer({ min: 2, max: 40 }),
  })
  .map(({ optical, boxes, transceivers, uplinks, segments }) => {
    const computes = Array.from({ length: boxes * 2 }, (_, i) => ({
      box: i >> 1,
      islands: [4, 2],
      memory: 1024,
      memports: 4,
      transceivers,
    }));
    const memories = Array.from({ length: boxes * 2 }, (_, i) => ({
      box: i >> 1,
      segments,
      transceivers,
    }));
    const ports = 4 * transceivers + uplinks;
    const inBox = { optical, ports, capacity: undefined };
    const switches = Array.from({ length: boxes }, () => inBox);
    const rackSwitch = { optical: true, ports: Math.max(2, boxes * uplinks), capacity: undefined };
    // Ends lie in the order of graphOf; each link is given by where its ends are once those before are gone.
    const order: string[] = [];
    [...switches, rackSwitch].forEach((s, i) => {
      for (let p = 0; p < s.ports; p += 1) order.push(`s${i}.${p}`);
    });
    computes.forEach((_, i) => {
      for (let t = 0; t < transceivers; t += 1) order.push(`c${i}.${t}`);
    });
    memories.forEach((_, i) => {
      for (let t = 0; t < transceivers; t += 1) order.push(`m${i}.${t}`);
    });
    const links: [number, number, number][] = [];
    const link = (a: string, b: string): void => {
      const one = order.indexOf(a);
      order.splice(one, 1);
      const other = order.indexOf(b);
      order.splice(other, 1);
      links.push([one, other, 100]);
    };
    for (let b = 0; b < boxes; b += 1) {
      let port = 0;
      for (const i of [0, 1]) {
        for (let t = 0; t < transceivers; t += 1) {
          link(`c${2 * b + i}.${t}`, `s${b}.${port++}`);
          link(`m${2 * b + i}.${t}`, `s${b}.${port++}`);
        }
      }
      for (let u = 0; u < uplinks; u += 1) link(`s${b}.${port++}`, `s${boxes}.${b * uplinks + u}`);
    }
    return { boxes, computes, memories, switches: [...switches, rackSwitch], links };
  });
