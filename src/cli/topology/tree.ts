import { formatSize } from '../../common/units.js';
import { bricksOf, switchesOf } from '../../controller/inventory/ends.js';
import {
  DEFAULT_SEGMENT_SIZE,
  type BoxEntry,
  type BrickEntry,
  type SwitchEntry,
  type Topology,
  type TrayEntry,
} from '../../controller/inventory/topology-schema.js';

/** What a topology has of each; sizes in bytes as "0x…". */
export function countsOf(topology: Topology): Readonly<Record<string, number | string>> {
  const counts = { computeBricks: 0, memoryBricks: 0, acceleratorBricks: 0, cores: 0, segments: 0 };
  let local = 0n;
  for (const { entry } of bricksOf(topology)) {
    if (entry.type === 'compute') {
      counts.computeBricks += 1;
      counts.cores += entry.islands.reduce((sum, each) => sum + each, 0);
      local += BigInt(entry.memory);
    } else if (entry.type === 'memory') {
      counts.memoryBricks += 1;
      counts.segments += entry.segments;
    } else {
      counts.acceleratorBricks += 1;
    }
  }
  const boxes = topology.racks.flatMap((rack) => rack.boxes);
  const remote = BigInt(counts.segments) * segmentSize(topology);
  return {
    racks: topology.racks.length,
    clusters: topology.racks.reduce((sum, rack) => sum + (rack.clusters?.length ?? 1), 0),
    boxes: boxes.length,
    trays: boxes.reduce((sum, box) => sum + box.trays.length, 0),
    ...counts,
    switches: [...switchesOf(topology)].length,
    links: topology.links?.length ?? 0,
    localMemory: `0x${local.toString(16)}`,
    remoteMemory: `0x${remote.toString(16)}`,
    segmentSize: `0x${segmentSize(topology).toString(16)}`,
  };
}

const segmentSize = (topology: Topology): bigint =>
  topology.segmentSize === undefined ? DEFAULT_SEGMENT_SIZE : BigInt(topology.segmentSize);

export function countsText(counts: Readonly<Record<string, number | string>>): string {
  const { computeBricks, memoryBricks, acceleratorBricks, cores, segments, links } = counts;
  const size = (key: string): string => formatSize(BigInt(counts[key]!));
  const { racks, clusters, boxes, trays, switches } = counts;
  return [
    `racks ${racks}, clusters ${clusters}, boxes ${boxes}, trays ${trays}, switches ${switches}, links ${links}`,
    `compute bricks ${computeBricks}: cores ${cores}, local memory ${size('localMemory')}`,
    `memory bricks ${memoryBricks}: remote memory ${size('remoteMemory')} in ${segments} segments of ${size('segmentSize')}`,
    `accelerator bricks ${acceleratorBricks}`,
  ].join('\n');
}

interface Node {
  readonly text: string;
  readonly children?: Iterable<Node>;
}

/** The tree, line by line. @param all each brick in a line; otherwise those that are alike. */
export function* treeOf(topology: Topology, all: boolean): Generator<string> {
  const name = topology.rack === undefined ? '' : ` ${topology.rack}`;
  yield `topology${name}, segments of ${formatSize(segmentSize(topology))}`;
  yield* lines(children(topology, all), '');
}

function* children(topology: Topology, all: boolean): Generator<Node> {
  yield* (topology.switches ?? []).map(switchNode);
  for (const { id, switches, boxes, clusters, dbmc } of topology.racks) {
    const inClusters = clusters === undefined ? '' : `, ${clusters.length} clusters`;
    yield {
      text: `rack ${id}${inClusters}${at(dbmc)}`,
      children: [
        ...(switches ?? []).map(switchNode),
        ...boxes.map((box) => boxNode(`${id}.${box.id}`, box, all)),
      ],
    };
  }
}

const at = (address: string | undefined): string => (address === undefined ? '' : ` at ${address}`);

function switchNode({ id, kind, ports, capacity, dbmc }: SwitchEntry): Node {
  const limit = capacity === undefined ? '' : `, capacity ${capacity} %`;
  return { text: `${id}: ${kind} switch, ${ports} ports${limit}${at(dbmc)}` };
}

function boxNode(name: string, { switches, trays, dbmc }: BoxEntry, all: boolean): Node {
  const trayNode = (tray: TrayEntry): Node => ({
    text: `tray ${name}.${tray.id}${at(tray.dbmc)}`,
    children: brickNodes(name, tray, all),
  });
  return {
    text: `box ${name}${at(dbmc)}`,
    children: [...(switches ?? []).map(switchNode), ...trays.map(trayNode)],
  };
}

function brickNodes(box: string, { bricks }: TrayEntry, all: boolean): Node[] {
  const groups: { text: string; ids: number[]; tail: string }[] = [];
  for (const brick of bricks) {
    const text = brickText(brick);
    const tail = all ? at(brick.address) : '';
    const before = groups.at(-1);
    if (!all && before?.text === text) before.ids.push(brick.id);
    else groups.push({ text, ids: [brick.id], tail });
  }
  return groups.map(({ text, ids, tail }) => {
    const [first, last] = [ids[0], ids.at(-1)];
    const run = ids.every((id, i) => id === ids[0]! + i);
    const named = first === last ? first : run ? `${first}-${last}` : ids.join(',');
    return { text: `${box}.${named}: ${text}${tail}` };
  });
}

function brickText(brick: BrickEntry): string {
  const links = `${brick.transceivers} transceivers`;
  switch (brick.type) {
    case 'compute': {
      const cores = brick.islands.join(' + ');
      return `compute, ${cores} cores, ${formatSize(BigInt(brick.memory))}, ${links}`;
    }
    case 'memory': {
      const base = brick.base === undefined ? '' : ` from ${brick.base}`;
      return `memory, ${brick.segments} segments${base}, ${links}`;
    }
    case 'accelerator':
      return `accelerator, ${brick.slots} slots, ${links}`;
  }
}

function* lines(nodes: Iterable<Node>, indent: string): Generator<string> {
  const list = [...nodes];
  for (const [i, { text, children: below }] of list.entries()) {
    const last = i === list.length - 1;
    yield `${indent}${last ? '└─ ' : '├─ '}${text}`;
    if (below !== undefined) yield* lines(below, `${indent}${last ? '   ' : '│  '}`);
  }
}
