import { SdmError } from '../../common/errors.js';

export const SWITCH_KINDS = ['electrical', 'optical'] as const;
/** electrical: a packet switch, whose ports are shared; optical: a circuit switch, one circuit a port. */
export type SwitchKind = (typeof SWITCH_KINDS)[number];

/** Two ports of one switch, the lower one first: a connection has no direction. */
export type Pair = readonly [number, number];

export interface CrossConnectView {
  readonly id: string;
  readonly kind: SwitchKind;
  readonly ports: number;
  /** Sorted. */
  pairs(): Pair[];
  /** The ports that this one is connected with, sorted. */
  peers(port: number): number[];
}

/**
 * Which ports of one switch are connected. Only the rules: nothing here waits or is kept.
 * In a circuit switch a port is in one circuit at most; in a packet switch a pair is a permission, and a
 * port may have as many as there are other ports.
 */
export class CrossConnect implements CrossConnectView {
  readonly id: string;
  readonly kind: SwitchKind;
  readonly ports: number;
  readonly #peers = new Map<number, Set<number>>();

  constructor(id: string, kind: SwitchKind, ports: number) {
    this.id = id;
    this.kind = kind;
    this.ports = ports;
  }

  pairs(): Pair[] {
    const pairs: Pair[] = [];
    for (const [a, peers] of this.#peers) for (const b of peers) if (a < b) pairs.push([a, b]);
    return pairs.sort((x, y) => x[0] - y[0] || x[1] - y[1]);
  }

  peers(port: number): number[] {
    return [...(this.#peers.get(port) ?? [])].sort((a, b) => a - b);
  }

  has([a, b]: Pair): boolean {
    return this.#peers.get(a)?.has(b) === true;
  }

  /**
   * Connects all of `pairs` or, where one of them cannot be, none.
   * @returns those that were not connected before, the lower port first, each once.
   * @throws SDM_NO_RESOURCE, SDM_INPUT (a port with itself), SDM_PORT_CONNECTED.
   */
  connect(pairs: readonly Pair[]): Pair[] {
    this.#check(pairs);
    const added: Pair[] = [];
    try {
      for (const pair of pairs) {
        const [a, b] = ordered(pair);
        if (this.has([a, b])) continue;
        if (this.kind === 'optical') this.#refuseTaken(a, b);
        this.#add(a, b);
        added.push([a, b]);
      }
    } catch (error) {
      this.disconnect(added);
      throw error;
    }
    return added;
  }

  /** Takes pairs apart. @returns those that were connected. @throws as connect(), but for taken ports. */
  disconnect(pairs: readonly Pair[]): Pair[] {
    this.#check(pairs);
    const removed: Pair[] = [];
    for (const pair of pairs) {
      const [a, b] = ordered(pair);
      if (!this.has([a, b])) continue;
      this.#remove(a, b);
      this.#remove(b, a);
      removed.push([a, b]);
    }
    return removed;
  }

  checkPort(port: number): void {
    if (Number.isInteger(port) && port >= 0 && port < this.ports) return;
    throw new SdmError(
      'SDM_NO_RESOURCE',
      `port ${port} of switch ${this.id} was named; it has ${this.ports}: 0 to ${this.ports - 1}`,
      { details: { switch: this.id, port, ports: this.ports } },
    );
  }

  #check(pairs: readonly Pair[]): void {
    for (const [a, b] of pairs) {
      this.checkPort(a);
      this.checkPort(b);
      if (a !== b) continue;
      throw new SdmError(
        'SDM_INPUT',
        `port ${a} of switch ${this.id} was to be connected with itself; name two ports`,
        { details: { switch: this.id, port: a } },
      );
    }
  }

  #refuseTaken(a: number, b: number): void {
    for (const [port, wanted] of [
      [a, b],
      [b, a],
    ] as const) {
      const peer = this.peers(port)[0];
      if (peer === undefined) continue;
      throw new SdmError(
        'SDM_PORT_CONNECTED',
        `port ${port} of circuit switch ${this.id} is to be connected with ${wanted}, but it is in a ` +
          `circuit with ${peer}; disconnect [[${port},${peer}]] first, or take another port`,
        { details: { switch: this.id, port, wanted, connected: peer } },
      );
    }
  }

  #add(a: number, b: number): void {
    for (const [port, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      const peers = this.#peers.get(port) ?? new Set<number>();
      this.#peers.set(port, peers.add(peer));
    }
  }

  #remove(port: number, peer: number): void {
    const peers = this.#peers.get(port);
    peers?.delete(peer);
    if (peers?.size === 0) this.#peers.delete(port);
  }
}

function ordered([a, b]: Pair): Pair {
  return a < b ? [a, b] : [b, a];
}
