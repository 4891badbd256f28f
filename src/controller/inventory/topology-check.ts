/** What a schema cannot say of a topology. */
import { isIP } from 'node:net';
import type { JsonPath } from '../../common/json-scan.js';
import { parseSize } from '../../common/units.js';
import { addressFaults } from './address-check.js';
import { isBrickId } from './brick-id.js';
import { bricksAsGiven, bricksOf, switchesOf } from './ends.js';
import { MAX_FAULTS, schemaFault, type Fault } from './fault.js';
import { linkFaults } from './link-check.js';
import { poolFaults } from './pool-check.js';
import { validatorOf } from './topology-validator.js';
import type { BrickEntry, RackEntry, Topology } from './topology-schema.js';

/** Of each type; the core's tables are made for it. */
export const MAX_BRICKS = 65_536;
const MIB = 1n << 20n;
const MAX_SIZE = 1n << 50n;
const TYPES = ['compute', 'memory', 'accelerator'] as const;

/** What is wrong with a value as a topology, up to {@link MAX_FAULTS}; none: it is a {@link Topology}. */
export function topologyFaults(value: unknown): readonly Fault[] {
  const outer = schemaFault(validatorOf('topology'), value);
  if (outer !== undefined) return [outer];
  const topology = value as Topology;
  const inner = some(formFaults(topology));
  // What things must be to each other can only be said of things that are sound by themselves.
  return inner.length > 0 ? inner : some(crossFaults(topology));
}

function some(faults: Iterable<Fault>): Fault[] {
  const found: Fault[] = [];
  for (const fault of faults) {
    found.push(fault);
    if (found.length >= MAX_FAULTS) break;
  }
  return found;
}

function* formFaults(topology: Topology): Generator<Fault> {
  for (const { entry, path } of bricksAsGiven(topology)) {
    const fault = brickFault(entry, path);
    if (fault !== undefined) yield fault;
  }
  const validate = validatorOf('link');
  for (const [i, link] of (topology.links ?? []).entries()) {
    if (!validate(link)) yield schemaFault(validate, link, ['links', i])!;
  }
}

/** What is wrong with a value as a brick. */
export function brickFault(value: unknown, path: JsonPath): Fault | undefined {
  const type =
    typeof value === 'object' && value !== null ? (value as { type?: unknown }).type : value;
  const known = TYPES.find((each) => each === type);
  if (known !== undefined) return schemaFault(validatorOf(known), value, path);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { path, expected: 'a brick: an object', found: value };
  }
  const expected = TYPES.map((each) => `"${each}"`).join(' or ');
  const at = type === undefined ? ({ at: 'parent' } as const) : {};
  return { path: [...path, 'type'], ...at, expected, found: type };
}

function* crossFaults(topology: Topology): Generator<Fault> {
  yield* sizeFaults(topology.segmentSize, ['segmentSize']);
  yield* idFaults(topology);
  yield* countFaults(topology);
  for (const [r, rack] of topology.racks.entries()) yield* clusterFaults(rack, ['racks', r]);
  for (const { entry, path } of bricksOf(topology)) yield* brickFaults(entry, path);
  for (const { entry, path } of switchesOf(topology)) {
    if (entry.kind === 'electrical' || entry.capacity === undefined) continue;
    const expected = 'no such key for an optical switch: a circuit shares no port';
    yield { path: [...path, 'capacity'], at: 'key', expected, found: entry.capacity };
  }
  yield* addressFaults(topology);
  yield* poolFaults(topology);
  yield* linkFaults(topology);
}

function* sizeFaults(text: string | undefined, path: JsonPath): Generator<Fault> {
  if (text === undefined) return;
  const size = sizeOf(text);
  if (size !== undefined && size > 0n && size % MIB === 0n && size <= MAX_SIZE) return;
  yield { path, expected: 'more than 0 and at most 1 PiB, in whole MiB', found: text };
}

/** @returns undefined for what is beyond 64 bits. */
function sizeOf(text: string): bigint | undefined {
  try {
    return parseSize(text);
  } catch {
    return undefined;
  }
}

function* idFaults(topology: Topology): Generator<Fault> {
  const { racks } = topology;
  yield* twice(racks, ['racks'], 'rack');
  for (const [r, rack] of racks.entries()) {
    yield* twice(rack.boxes, ['racks', r, 'boxes'], `box of rack ${rack.id}`);
    yield* twice(rack.clusters ?? [], ['racks', r, 'clusters'], `cluster of rack ${rack.id}`);
    for (const [b, { id, trays }] of rack.boxes.entries()) {
      const box = `box ${rack.id}.${id}`;
      yield* twice(trays, ['racks', r, 'boxes', b, 'trays'], `tray of ${box}`);
    }
  }
  const bricks = new Set<string>();
  for (const { id, entry, path } of bricksOf(topology)) {
    if (bricks.has(id)) {
      const expected = `a number that no other brick of the box has, in none of its trays (${id} is there)`;
      yield { path: [...path, 'id'], expected, found: entry.id };
    }
    bricks.add(id);
  }
  const switches = new Set<string>();
  for (const { entry, path } of switchesOf(topology)) {
    const { id } = entry;
    if (switches.has(id)) {
      const expected = 'an id that no other switch of the topology has';
      yield { path: [...path, 'id'], expected, found: id };
    }
    if (isBrickId(id)) {
      const expected = 'an id that cannot be taken for a brick';
      yield { path: [...path, 'id'], expected, found: id };
    }
    switches.add(id);
  }
}

function* twice(
  list: readonly { readonly id: number }[],
  path: JsonPath,
  what: string,
): Generator<Fault> {
  const seen = new Set<number>();
  for (const [i, { id }] of list.entries()) {
    if (seen.has(id)) {
      yield { path: [...path, i, 'id'], expected: `a number that no other ${what} has`, found: id };
    }
    seen.add(id);
  }
}

function* countFaults(topology: Topology): Generator<Fault> {
  const counts = { compute: 0, memory: 0, accelerator: 0 };
  for (const { entry, path } of bricksOf(topology)) {
    counts[entry.type] += 1;
    if (counts[entry.type] !== MAX_BRICKS + 1) continue;
    const expected = `at most ${MAX_BRICKS} bricks of type "${entry.type}"`;
    yield { path, expected, found: 'one more' };
  }
}

function* clusterFaults({ id, boxes, clusters }: RackEntry, path: JsonPath): Generator<Fault> {
  if (clusters === undefined) return;
  const there = new Set(boxes.map((box) => box.id));
  const taken = new Set<number>();
  for (const [c, cluster] of clusters.entries()) {
    for (const [i, box] of cluster.boxes.entries()) {
      const at = [...path, 'clusters', c, 'boxes', i];
      if (!there.has(box)) yield { path: at, expected: `a box of rack ${id}`, found: box };
      else if (taken.has(box)) {
        yield { path: at, expected: 'a box that is in no cluster yet', found: box };
      }
      taken.add(box);
    }
  }
  for (const [b, box] of boxes.entries()) {
    if (taken.has(box.id)) continue;
    const expected = `a box of one of the clusters of rack ${id}`;
    yield { path: [...path, 'boxes', b, 'id'], expected, found: box.id };
  }
}

function* brickFaults(entry: BrickEntry, path: JsonPath): Generator<Fault> {
  if (entry.type !== 'compute') return;
  yield* sizeFaults(entry.memory, [...path, 'memory']);
  if (entry.ip !== undefined && isIP(entry.ip) === 0) {
    yield { path: [...path, 'ip'], expected: 'an IP address', found: entry.ip };
  }
}
