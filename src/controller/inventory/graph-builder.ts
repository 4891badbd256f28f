import { SdmError } from '../../common/errors.js';
import { adjacencyOf } from './graph-adjacency.js';
import { Column } from './column.js';
import { Graph, NODE, nodeOf, SWITCH_KIND, UNLIMITED, type SwitchKind } from './graph.js';

export interface BrickOptions {
  /** D4.4's dBrickId, 0 to 15, of its own in the box. */
  readonly id: number;
  readonly transceivers: number;
  /** Index of the tray. Default: none. */
  readonly tray?: number;
}

export interface ComputeOptions extends BrickOptions {
  /** Cores by coherent island. */
  readonly islands: readonly number[];
  /** Local memory, MiB. */
  readonly memory: number;
  readonly memports: number;
}

export interface MemoryOptions extends BrickOptions {
  readonly segments: number;
}

export interface AcceleratorOptions extends BrickOptions {
  readonly slots: number;
}

export interface SwitchOptions {
  readonly id: string;
  readonly kind: SwitchKind;
  readonly ports: number;
  /** Of a packet switch in itself, percent of a transceiver. Default: no limit beside its links. */
  readonly capacity?: number;
  /** Index of its rack. Default: the site's. */
  readonly rack?: number;
  /** Index of its box. Default: the rack's. */
  readonly box?: number;
}

/** Columns that bricks of every kind have. */
class Bricks {
  readonly box = new Column();
  readonly id = new Column();
  readonly tray = new Column();
  readonly endpoint = new Column();
  readonly transceivers = new Column();

  add(box: number, endpoint: number, { id, tray, transceivers }: BrickOptions): number {
    this.box.push(box);
    this.id.push(id);
    this.tray.push(tray ?? -1);
    this.endpoint.push(endpoint);
    this.transceivers.push(transceivers);
    return this.box.length - 1;
  }

  take() {
    return {
      count: this.box.length,
      box: this.box.take(),
      id: Uint8Array.from(this.id.take()),
      tray: this.tray.take(),
      endpoint: this.endpoint.take(),
      transceivers: Uint8Array.from(this.transceivers.take()),
    };
  }
}

function input(message: string): SdmError {
  return new SdmError('SDM_INPUT', message);
}

/**
 * Makes a graph, in the order that its parts are added: the numbers that the methods return are the
 * indices of the finished graph, and endpoints (transceivers and ports) are for `addLink`. It checks what
 * would break a graph; whether ids are sensible is its caller's. All methods throw SDM_INPUT.
 */
export class GraphBuilder {
  readonly #segmentMiB: number;
  readonly #rackId = new Column();
  readonly #clusterId = new Column();
  readonly #clusterRack = new Column();
  readonly #boxId = new Column();
  readonly #boxRack = new Column();
  readonly #boxCluster = new Column();
  readonly #trayId = new Column();
  readonly #trayBox = new Column();
  readonly #computes = new Bricks();
  readonly #local = new Column();
  readonly #memports = new Column();
  readonly #islandFirst = new Column();
  readonly #islandCores = new Column();
  readonly #memories = new Bricks();
  readonly #segments = new Column();
  readonly #accelerators = new Bricks();
  readonly #slots = new Column();
  readonly #switchNames: string[] = [];
  readonly #switchKind = new Column();
  readonly #switchEndpoint = new Column();
  readonly #switchPorts = new Column();
  readonly #switchCapacity = new Column();
  readonly #switchRack = new Column();
  readonly #switchBox = new Column();
  readonly #node = new Column();
  readonly #link = new Column();
  readonly #linkA = new Column();
  readonly #linkB = new Column();
  readonly #linkCapacity = new Column();

  /** @param segmentMiB MiB of a segment. */
  constructor({ segmentMiB = 256 }: { readonly segmentMiB?: number } = {}) {
    this.#segmentMiB = segmentMiB;
  }

  addRack(id: number): number {
    this.#rackId.push(id);
    return this.#rackId.length - 1;
  }

  addCluster(rack: number, id: number): number {
    this.#clusterId.push(id);
    this.#clusterRack.push(rack);
    return this.#clusterId.length - 1;
  }

  addBox(rack: number, id: number, cluster = -1): number {
    if (!(rack >= 0 && rack < this.#rackId.length)) throw input(`box ${id}: no rack ${rack}`);
    this.#boxId.push(id);
    this.#boxRack.push(rack);
    this.#boxCluster.push(cluster);
    return this.#boxId.length - 1;
  }

  addTray(box: number, id: number): number {
    this.#trayId.push(id);
    this.#trayBox.push(box);
    return this.#trayId.length - 1;
  }

  /** @returns the first of `count` new endpoints. */
  #endpoints(node: number, count: number): number {
    const first = this.#node.length;
    this.#node.repeat(node, count);
    this.#link.repeat(-1, count);
    return first;
  }

  #brick(bricks: Bricks, kind: 0 | 1 | 2, box: number, options: BrickOptions): number {
    if (!(box >= 0 && box < this.#boxId.length)) throw input(`brick ${options.id}: no box ${box}`);
    const endpoint = this.#endpoints(nodeOf(kind, bricks.box.length), options.transceivers);
    return bricks.add(box, endpoint, options);
  }

  addCompute(box: number, options: ComputeOptions): number {
    const index = this.#brick(this.#computes, NODE.COMPUTE, box, options);
    this.#local.push(options.memory);
    this.#memports.push(options.memports);
    this.#islandFirst.push(this.#islandCores.length);
    for (const cores of options.islands) this.#islandCores.push(cores);
    return index;
  }

  addMemory(box: number, options: MemoryOptions): number {
    this.#segments.push(options.segments);
    return this.#brick(this.#memories, NODE.MEMORY, box, options);
  }

  addAccelerator(box: number, options: AcceleratorOptions): number {
    this.#slots.push(options.slots);
    return this.#brick(this.#accelerators, NODE.ACCELERATOR, box, options);
  }

  addSwitch({ id, kind, ports, capacity = UNLIMITED, rack, box }: SwitchOptions): number {
    const index = this.#switchNames.length;
    this.#switchNames.push(id);
    this.#switchKind.push(kind === 'optical' ? SWITCH_KIND.OPTICAL : SWITCH_KIND.ELECTRICAL);
    this.#switchEndpoint.push(this.#endpoints(nodeOf(NODE.SWITCH, index), ports));
    this.#switchPorts.push(ports);
    this.#switchCapacity.push(kind === 'optical' ? UNLIMITED : capacity);
    this.#switchRack.push(rack ?? (box === undefined ? -1 : this.#boxRack.get(box)));
    this.#switchBox.push(box ?? -1);
    return index;
  }

  #endpointOf(first: Column, count: Column, index: number, number: number, what: string): number {
    if (index >= 0 && index < first.length && number >= 0 && number < count.get(index)) {
      return first.get(index) + number;
    }
    throw input(`there is no ${what} ${number} of number ${index}`);
  }

  computeTransceiver(compute: number, transceiver: number): number {
    const { endpoint, transceivers } = this.#computes;
    return this.#endpointOf(endpoint, transceivers, compute, transceiver, 'compute transceiver');
  }

  memoryTransceiver(memory: number, transceiver: number): number {
    const { endpoint, transceivers } = this.#memories;
    return this.#endpointOf(endpoint, transceivers, memory, transceiver, 'memory transceiver');
  }

  acceleratorTransceiver(accelerator: number, transceiver: number): number {
    const { endpoint, transceivers } = this.#accelerators;
    return this.#endpointOf(endpoint, transceivers, accelerator, transceiver, 'transceiver');
  }

  port(index: number, port: number): number {
    return this.#endpointOf(this.#switchEndpoint, this.#switchPorts, index, port, 'switch port');
  }

  /** @param capacity percent of a transceiver. @returns the link's index. */
  addLink(a: number, b: number, capacity = 100): number {
    const link = this.#linkA.length;
    if (a === b) throw input(`link ${link} joins endpoint ${a} to itself`);
    for (const end of [a, b]) {
      if (!(end >= 0 && end < this.#node.length)) throw input(`link ${link}: no endpoint ${end}`);
      const other = this.#link.get(end);
      if (other !== -1) throw input(`link ${link}: endpoint ${end} has link ${other} already`);
    }
    this.#link.set(a, link);
    this.#link.set(b, link);
    this.#linkA.push(a);
    this.#linkB.push(b);
    this.#linkCapacity.push(capacity);
    return link;
  }

  build(): Graph {
    const node = this.#node.take();
    const link = this.#link.take();
    const links = {
      count: this.#linkA.length,
      a: this.#linkA.take(),
      b: this.#linkB.take(),
      capacity: this.#linkCapacity.take(),
    };
    const far = new Int32Array(node.length).fill(-1);
    const farNode = new Int32Array(node.length).fill(-1);
    for (let l = 0; l < links.count; l += 1) {
      const a = links.a[l]!;
      const b = links.b[l]!;
      far[a] = b;
      far[b] = a;
      farNode[a] = node[b]!;
      farNode[b] = node[a]!;
    }
    const endpoints = { count: node.length, node, link, far, farNode };
    const switches = {
      count: this.#switchNames.length,
      names: this.#switchNames.slice(),
      kind: Uint8Array.from(this.#switchKind.take()),
      endpoint: this.#switchEndpoint.take(),
      ports: this.#switchPorts.take(),
      capacity: this.#switchCapacity.take(),
      rack: this.#switchRack.take(),
      box: this.#switchBox.take(),
    };
    const islandFirst = new Int32Array(this.#islandFirst.length + 1);
    islandFirst.set(this.#islandFirst.take());
    islandFirst[this.#islandFirst.length] = this.#islandCores.length;
    const compute = {
      ...this.#computes.take(),
      local: this.#local.take(),
      memports: Uint16Array.from(this.#memports.take()),
      islandFirst,
      islandCores: Uint16Array.from(this.#islandCores.take()),
    };
    const memory = { ...this.#memories.take(), segments: this.#segments.take() };
    return new Graph({
      segmentMiB: this.#segmentMiB,
      rackId: this.#rackId.take(),
      clusterId: this.#clusterId.take(),
      clusterRack: this.#clusterRack.take(),
      boxId: this.#boxId.take(),
      boxRack: this.#boxRack.take(),
      boxCluster: this.#boxCluster.take(),
      trayId: this.#trayId.take(),
      trayBox: this.#trayBox.take(),
      compute,
      memory,
      accelerator: { ...this.#accelerators.take(), slots: Uint8Array.from(this.#slots.take()) },
      switches,
      endpoints,
      links,
      adjacency: adjacencyOf(switches, endpoints, compute.count, memory.count),
    });
  }
}
