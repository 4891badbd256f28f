import { compileTopology } from './inventory/compile.js';
import type { Graph } from './inventory/graph.js';
import { indexTopology, type TopologyIndex } from './inventory/topology-index.js';
import type { Topology } from './inventory/topology-schema.js';
import { restore } from './platforms/restore.js';
import type { Ledger } from './platforms/ledger.js';
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

  constructor(topology: Topology) {
    this.topology = topology;
    this.index = indexTopology(topology);
    this.graph = compileTopology(topology);
    this.core = new ReservationCore(this.graph);
    this.site = makeSite(topology, this.index, this.graph);
  }

  /** Claims what the records say. @throws as `restore`. */
  restore(ledger: Ledger, wires: Wires): void {
    restore(ledger, { site: this.site, core: this.core, wires });
    for (const [id] of ledger.bricks) this.applyBrick(ledger, id);
  }

  /**
   * Another topology with the same reservations. Nothing else may run meanwhile.
   * @throws as `restore`; nothing is changed then.
   */
  change(topology: Topology, ledger: Ledger, wires: Wires): void {
    const next = new Rack(topology);
    next.restore(ledger, wires);
    const { index, graph, core, site } = next;
    Object.assign(this, { topology, index, graph, core });
    Object.assign(this.site, site);
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
