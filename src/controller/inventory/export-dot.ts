/** A topology for Graphviz: boxes of racks, boxes and trays around bricks, links between them. */
import { formatSize } from '../../common/units.js';
import { splitEnd } from './ends.js';
import { stateOf, type Reserved, type State } from './export-state.js';
import {
  DEFAULT_CAPACITY,
  type BoxEntry,
  type BrickEntry,
  type SwitchEntry,
  type Topology,
} from './topology-schema.js';

const SHAPES = { compute: 'box', memory: 'box3d', accelerator: 'component' } as const;

/**
 * The text of a DOT file, piece by piece. Links between the same two are one line, with how many.
 * @param topology that was checked.
 * @param reserved what is in use; without it there is only what there is.
 */
export function* dot(topology: Topology, reserved?: Reserved): Generator<string> {
  const state = stateOf(reserved);
  yield (
    `graph ${quote(topology.rack ?? 'sdm')} {\n` +
    '  graph [rankdir=BT compound=true];\n  node [fontname="sans-serif"];\n'
  );
  yield* switches(topology.switches, '  ');
  for (const rack of topology.racks) {
    yield `  subgraph ${quote(`cluster_${rack.id}`)} {\n    label=${quote(`rack ${rack.id}`)};\n`;
    yield* switches(rack.switches, '    ');
    for (const box of rack.boxes) yield* boxText(`${rack.id}.${box.id}`, box, state);
    yield '  }\n';
  }
  yield* trunks(topology, reserved === undefined ? undefined : state);
  for (const { attachment, compute, memory, segments } of state.uses) {
    const label = quote(`${attachment}: ${segments}`);
    yield `  ${quote(compute)} -- ${quote(memory)} [label=${label} style=dashed color=blue constraint=false];\n`;
  }
  yield '}\n';
}

function* boxText(
  name: string,
  { switches: own, trays }: BoxEntry,
  state: State,
): Generator<string> {
  yield `    subgraph ${quote(`cluster_${name}`)} {\n      label=${quote(`box ${name}`)};\n`;
  yield* switches(own, '      ');
  for (const { id, bricks } of trays) {
    yield `      subgraph ${quote(`cluster_${name}.${id}`)} {\n        label=${quote(`tray ${id}`)};\n`;
    for (const brick of bricks) {
      const brickId = `${name}.${brick.id}`;
      const label = quote(`${brickId}\n${brickText(brickId, brick, state)}`);
      yield `        ${quote(brickId)} [shape=${SHAPES[brick.type]} label=${label}];\n`;
    }
    yield '      }\n';
  }
  yield '    }\n';
}

function* switches(list: readonly SwitchEntry[] | undefined, indent: string): Generator<string> {
  for (const { id, kind, ports } of list ?? []) {
    const shape = kind === 'electrical' ? 'hexagon' : 'diamond';
    yield `${indent}${quote(id)} [shape=${shape} label=${quote(`${id}\n${kind}, ${ports} ports`)}];\n`;
  }
}

function brickText(id: string, brick: BrickEntry, state: State): string {
  const now = state.bricks.get(id);
  const of = (free: number | undefined, all: number, what: string): string =>
    free === undefined ? `${all} ${what}` : `${free} of ${all} ${what} free`;
  switch (brick.type) {
    case 'compute': {
      const cores = brick.islands.reduce((sum, each) => sum + each, 0);
      const memory = formatSize(BigInt(brick.memory));
      return `${of(now?.cores?.free, cores, 'cores')}\n${memory} local`;
    }
    case 'memory':
      return of(now?.segments?.free, brick.segments, 'segments');
    case 'accelerator':
      return `${brick.slots} slots`;
  }
}

interface Trunk {
  readonly a: string;
  readonly b: string;
  links: number;
  capacity: number;
  taken: number;
}

function* trunks(topology: Topology, state: State | undefined): Generator<string> {
  const between = new Map<string, Trunk>();
  for (const { a, b, capacity = DEFAULT_CAPACITY } of topology.links ?? []) {
    const [from, to] = [splitEnd(a)!.id, splitEnd(b)!.id];
    const key = from < to ? `${from}/${to}` : `${to}/${from}`;
    const trunk = between.get(key) ?? { a: from, b: to, links: 0, capacity: 0, taken: 0 };
    trunk.links += 1;
    trunk.capacity += capacity;
    trunk.taken += state?.taken.get(a) ?? state?.taken.get(b) ?? 0;
    between.set(key, trunk);
  }
  for (const { a, b, links, capacity, taken } of between.values()) {
    const use = state === undefined ? '' : `, ${Math.round((taken / capacity) * 100)} %`;
    yield `  ${quote(a)} -- ${quote(b)} [label=${quote(`${links}${use}`)}];\n`;
  }
}

/** A quoted id or label: a line break stays one. */
function quote(text: string): string {
  const plain = text.replace(/[\u0000-\u0009\u000b-\u001f]/g, ' ');
  return `"${plain.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
