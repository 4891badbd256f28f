import { NODE, nodeIndex, nodeKind } from '../inventory/graph.js';
import { MAX_HOPS } from './paths.js';
import type { PolicyRules } from './policies/types.js';
import type { State } from './state.js';

/**
 * Walks from a compute brick outwards over whatever has `util` left, one switch further in each round, so
 * that what is found is found at the fewest hops. It stands on ports at which a link arrives:
 *
 * - at a packet switch every other link leads on, so one arrival is as good as any, and the switch is
 *   seen once;
 * - at a circuit switch a port that is in a circuit leads to its peer only, and one that is free to every
 *   other free port. So the free ones share one visit, and those in circuits have one each.
 *
 * A shortest walk uses no port twice: a second visit could have gone on at the first one.
 */
export class Walk {
  readonly #state: State;
  /** Ports in the order of arrival, and for each the port of arrival one switch before, -1: the first. */
  readonly #queue: Int32Array;
  readonly #before: Int32Array;
  /** Number of the walk that last saw a switch, or a port that was in a circuit. */
  readonly #switchSeen: Int32Array;
  readonly #portSeen: Int32Array;
  #walk = 0;
  #end = 0;
  #util = 0;
  #need = 0;
  #least = 1;
  #box = -1;
  #rules!: PolicyRules;
  #cost = 0;
  #whole = false;

  /** What `find` found: the memory brick, the transceivers of both ends, and the switches between. */
  memory = -1;
  from = -1;
  to = -1;
  hops = 0;
  /** The port of arrival at the last switch; -1: there is none. */
  #last = -1;

  constructor(state: State) {
    const { endpoints, switches } = state.graph.columns;
    this.#state = state;
    this.#queue = new Int32Array(endpoints.count + 1);
    this.#before = new Int32Array(endpoints.count);
    this.#switchSeen = new Int32Array(switches.count);
    this.#portSeen = new Int32Array(endpoints.count);
  }

  /** Whether a walk as `find` or `reach` went last came to a switch. */
  sawSwitch(index: number): boolean {
    return this.#switchSeen[index] === this.#walk;
  }

  /**
   * Looks for the best memory brick at the fewest hops that has a free segment: one with a run of `need`
   * by the policy's cost, or else the longest run.
   * @param most switches on the path at most.
   * @param least shorter runs than that count as none.
   */
  find(
    compute: number,
    need: number,
    util: number,
    rules: PolicyRules,
    most = MAX_HOPS,
    least = 1,
  ): boolean {
    const { box } = this.#state.graph.columns.compute;
    this.#need = need;
    this.#least = least;
    this.#rules = rules;
    this.#box = rules.sameBox ? box[compute]! : -1;
    this.#whole = false;
    this.memory = -1;
    this.hops = 0;
    this.#begin(compute, util);
    let at = 0;
    while (this.memory === -1 && at < this.#end && this.hops < most) {
      this.hops += 1;
      const end = this.#end;
      for (let i = at; i < end; i += 1) this.#look(this.#queue[i]!);
      if (this.memory !== -1 || this.hops === most) break;
      this.#expand(at, end);
      at = end;
    }
    return this.memory !== -1;
  }

  /**
   * Free segments of all memory bricks around the switches that the compute brick comes to: no less than
   * it can get, each brick counted at least once.
   */
  reach(compute: number, util: number): number {
    const { segments, groups, graph } = this.#state;
    if (graph.columns.adjacency.direct) return 0x7fff_ffff;
    this.#begin(compute, util);
    let sum = 0;
    for (let at = 0; at < this.#end;) {
      const end = this.#end;
      for (let i = at; i < end; i += 1) {
        const port = this.#queue[i]!;
        const index = this.#state.links.switchOf(port);
        const { first, items } = groups.memories;
        for (let j = first[index]!; j < first[index + 1]!; j += 1)
          sum += segments.freeCount[items[j]!]!;
      }
      this.#expand(at, end);
      at = end;
    }
    return sum;
  }

  /** First transceivers; a brick at the other side of the cable is found at no hops. */
  #begin(compute: number, util: number): void {
    const { links, graph } = this.#state;
    const { endpoint, transceivers } = graph.columns.compute;
    this.#walk += 1;
    this.#end = 0;
    this.#util = util;
    const first = endpoint[compute]!;
    for (let t = first; t < first + transceivers[compute]!; t += 1) {
      const node = links.farNode[t]!;
      if (node < 0 || links.transceiverFree[t]! < util) continue;
      const port = links.far[t]!;
      if (nodeKind(node) === NODE.SWITCH) this.#first(t, port, nodeIndex(node));
      else if (nodeKind(node) === NODE.MEMORY && graph.columns.adjacency.direct) {
        this.#consider(nodeIndex(node), port, -1);
      }
    }
  }

  /** Of several transceivers to one packet switch it starts from the fullest: others stay whole. */
  #first(transceiver: number, port: number, index: number): void {
    const { links } = this.#state;
    if (this.#switchSeen[index] === this.#walk && links.peer[port] === -1) {
      for (let i = 0; i < this.#end; i += 1) {
        const other = this.#queue[i]!;
        if (links.switchOf(other) !== index || links.peer[other] !== -1) continue;
        if (links.transceiverFree[transceiver]! < links.transceiverFree[links.far[other]!]!) {
          this.#queue[i] = port;
          this.#before[port] = -1;
        }
        return;
      }
    }
    this.#arrive(port, -1);
  }

  #arrive(port: number, before: number): void {
    const { links } = this.#state;
    const index = links.switchOf(port);
    if (links.peer[port] !== -1) {
      if (this.#portSeen[port] === this.#walk) return;
      this.#portSeen[port] = this.#walk;
    } else {
      if (this.#switchSeen[index] === this.#walk) return;
      this.#switchSeen[index] = this.#walk;
    }
    if (links.switchUsable[index] === 0 || links.switchFree[index]! < this.#util) return;
    this.#before[port] = before;
    this.#queue[this.#end] = port;
    this.#end += 1;
  }

  /** Which memory bricks are behind this port's switch. */
  #look(port: number): void {
    const { links, groups } = this.#state;
    const index = links.switchOf(port);
    const peer = links.peer[port]!;
    if (peer !== -1) {
      const node = links.farNode[peer]!;
      if (node < 0 || nodeKind(node) !== NODE.MEMORY) return;
      this.#consider(nodeIndex(node), links.far[peer]!, port);
      return;
    }
    if (groups.run.amount[index] === 0 && this.#util > 0) return;
    const { first, items } = groups.memories;
    const { memoryOpen } = this.#state;
    const end = first[index + 1]!;
    for (let i = first[index]!; i < end; i += 1) {
      const m = items[i]!;
      if (memoryOpen[m]! >= this.#util) this.#consider(m, -1, port);
    }
  }

  /** @param to its transceiver, -1: the fullest that is open at that port's switch. */
  #consider(memory: number, to: number, port: number): void {
    const state = this.#state;
    const run = state.segments.longest[memory]!;
    if (run < this.#least || state.memoryUsable[memory] === 0) return;
    if (this.#box !== -1 && state.graph.columns.memory.box[memory] !== this.#box) return;
    const whole = run >= this.#need;
    if (this.#whole && !whole) return;
    const cost = whole ? this.#rules.memoryCost(run, state.segments.freeCount[memory]!) : -run;
    if (this.memory !== -1 && whole === this.#whole && cost >= this.#cost) return;
    const transceiver = to === -1 ? this.#transceiverAt(memory, port) : to;
    if (transceiver === -1 || state.links.transceiverFree[transceiver]! < this.#util) return;
    this.memory = memory;
    this.to = transceiver;
    this.#last = port;
    this.#cost = cost;
    this.#whole = whole;
  }

  #transceiverAt(memory: number, port: number): number {
    const { links, graph } = this.#state;
    const { endpoint, transceivers } = graph.columns.memory;
    const node = links.node[port]!;
    const first = endpoint[memory]!;
    let best = -1;
    let least = 0x7fff_ffff;
    for (let t = first; t < first + transceivers[memory]!; t += 1) {
      if (links.farNode[t] !== node) continue;
      const open = links.open(t);
      if (open < this.#util || open >= least) continue;
      least = open;
      best = t;
    }
    return best;
  }

  /**
   * One switch further from the arrivals `from` up to `end`. First through circuits that there are, then
   * through new ones: where both lead to the same place, no port is spent.
   */
  #expand(from: number, end: number): void {
    for (let i = from; i < end; i += 1) this.#onwards(this.#queue[i]!, false);
    for (let i = from; i < end; i += 1) this.#onwards(this.#queue[i]!, true);
  }

  #onwards(port: number, opening: boolean): void {
    const { links } = this.#state;
    const index = links.switchOf(port);
    const peer = links.peer[port]!;
    if (peer !== -1) {
      if (!opening && links.atSwitch(peer)) this.#follow(peer, port);
      return;
    }
    const optical = links.isOptical(index);
    const { trunkFirst, trunkTo, trunkPorts } = this.#state.graph.columns.adjacency;
    for (let trunk = trunkFirst[index]!; trunk < trunkFirst[index + 1]!; trunk += 1) {
      const other = trunkTo[trunk]!;
      const toOptical = links.isOptical(other);
      // What opens no circuit on the way goes in the first pass.
      if (!toOptical && optical !== opening) continue;
      if (!toOptical && this.#switchSeen[other] === this.#walk) continue;
      const last = trunkPorts.first[trunk + 1]!;
      for (let i = trunkPorts.first[trunk]!; i < last; i += 1) {
        const out = trunkPorts.items[i]!;
        if (out === port || links.peer[out] !== -1) continue;
        if (links.linkFree[links.link[out]!]! < this.#util) continue;
        const joined = links.peer[links.far[out]!] !== -1;
        if (toOptical && (optical || !joined) !== opening) continue;
        this.#arrive(links.far[out]!, port);
        // One link to a packet switch, or to a free port of a circuit switch, is as good as another.
        if (!toOptical || (!joined && !optical)) break;
      }
    }
  }

  #follow(out: number, before: number): void {
    const { links } = this.#state;
    if (links.linkFree[links.link[out]!]! >= this.#util) this.#arrive(links.far[out]!, before);
  }

  /** Ports between the first switch's in and the last one's out, as `Paths.put` takes them; sets `from`. */
  between(): number[] {
    const { far } = this.#state.links;
    const ports: number[] = [];
    let port = this.#last;
    if (port === -1) {
      this.from = far[this.to]!;
      return ports;
    }
    for (let before = this.#before[port]!; before !== -1; before = this.#before[port]!) {
      ports.push(port, far[port]!);
      port = before;
    }
    this.from = far[port]!;
    return ports.reverse();
  }
}
