import { compileTopology } from './inventory/compile.js';
import type { Graph } from './inventory/graph.js';
import { indexTopology, type TopologyIndex } from './inventory/topology-index.js';
import type { Topology } from './inventory/topology-schema.js';
import { restore } from './platforms/restore.js';
import type { Ledger } from './platforms/ledger.js';
import { recordedNumbers, type Networks } from './platforms/networks.js';
import type { BrickId } from './records.js';
import { ReservationCore } from './reservation/core.js';
import { makeSite, type Site } from './synthesizer/site.js';
import type { Wires } from './synthesizer/wires.js';

/** What there is, and who has reserved what of it: all that is made of a topology. */
export class Rack {
  /** The same object for as long as the controller runs; its contents change with the topology. */
  readonly site: Site;
  topology: Topology;
  index: TopologyIndex;
  graph: Graph;
  core: ReservationCore;

  readonly #networks: Networks;

  constructor(topology: Topology, networks: Networks) {
    this.#networks = networks;
    this.topology = topology;
    this.index = indexTopology(topology);
    this.graph = compileTopology(topology);
    this.core = new ReservationCore(this.graph);
    this.site = makeSite(topology, this.index, this.graph, networks);
  }

  /** Claims what the records say. @throws as `restore`. */
  restore(ledger: Ledger, wires: Wires): void {
    restore(ledger, { site: this.site, core: this.core, wires });
    for (const [id] of ledger.bricks) this.applyBrick(ledger, id);
  }

  /**
   * Another topology with the same reservations. Nothing else may run from then until it is in use.
   * @returns what puts it in use.
   * @throws as `restore`.
   */
  prepare(topology: Topology, ledger: Ledger, wires: Wires): () => void {
    const next = new Rack(topology, this.#networks);
    next.restore(ledger, wires);
    return () => {
      const { index, graph, core, site } = next;
      Object.assign(this, { topology, index, graph, core });
      Object.assign(this.site, site);
    };
  }

  /** Gives a number to each memory brick of a topology that has none; durable when it resolves. */
  async nameNetworks(ledger: Ledger, topology: Topology = this.topology): Promise<void> {
    const { memory } = topology === this.topology ? this.index : indexTopology(topology);
    const transceivers = (brick: BrickId): number | undefined =>
      this.site.computes.get(brick)?.transceivers;
    const missing = ledger.networks.missing(
      memory.map(({ id }) => id),
      () => recordedNumbers(ledger.platforms.values(), transceivers),
    );
    await ledger.keepNetworks(missing);
  }

  /** Tells the core whether anything new may go to a brick. */
  applyBrick(ledger: Ledger, id: string): void {
    const { drained = false, lost, fenced } = ledger.bricks.get(id) ?? {};
    const usable = !drained && lost === undefined && fenced === undefined;
    const compute = this.site.computes.get(id);
    const memory = this.site.memories.get(id);
    if (compute !== undefined) this.core.setComputeUsable(compute.index, usable);
    if (memory !== undefined) this.core.setMemoryUsable(memory.index, usable);
  }
}
