import type { CrossConnectView, Pair } from './cross-connect.js';

export const BRICK_TYPES = ['compute', 'memory', 'accelerator'] as const;
export type BrickType = (typeof BRICK_TYPES)[number];

/** A brick as its board knows it. `id` is "rack.box.brick". */
export interface BrickInfo {
  readonly id: string;
  readonly type: BrickType;
  readonly transceivers: number;
  /** It sits in its slot. */
  readonly plugged: boolean;
  readonly on: boolean;
}

/** One transceiver of a brick and what it hangs on. */
export interface LinkInfo {
  readonly transceiver: number;
  /** "SWITCH/PORT"; undefined: nothing is connected to it. */
  readonly port: string | undefined;
  /** Whether the switch leads anywhere from there, and the brick is there and on. */
  readonly up: boolean;
}

export interface BrickPower {
  /** Watt. */
  readonly watts: number;
  readonly on: boolean;
}

export interface PcieDevice {
  readonly address: string;
  readonly vendor: string;
  readonly device: string;
  readonly description: string;
}

export interface Sensor {
  readonly name: string;
  readonly kind: 'temperature' | 'power' | 'voltage' | 'fan';
  readonly value: number;
  readonly unit: 'celsius' | 'watt' | 'volt' | 'rpm';
  readonly state: 'ok' | 'warning' | 'critical';
}

export interface Firmware {
  readonly component: string;
  readonly version: string;
}

/** What a list of ports came to: those pairs that were not so before. */
export interface Changed {
  readonly changed: readonly Pair[];
}

/** A controller's: which one, and its epoch. */
export interface Term {
  readonly epoch: bigint;
  readonly controller: string;
}

/** Something that happened on the board, for those who watch it. */
export type BoardEvent =
  | { readonly kind: 'brick.plugged' | 'brick.unplugged'; readonly brick: string }
  | { readonly kind: 'brick.on' | 'brick.off'; readonly brick: string }
  | {
      readonly kind: 'ports.connected' | 'ports.disconnected';
      readonly switch: string;
      readonly ports: readonly Pair[];
    }
  | { readonly kind: 'faults.set'; readonly count: number };

/**
 * All that the daemon knows of the board that it manages: the seam to hardware. Bricks are named
 * "rack.box.brick", switches by their ids. A board keeps what it is told over restarts of the daemon.
 *
 * Every function throws SdmError SDM_NO_RESOURCE for a brick, switch or port that there is not, and
 * SDM_RESOURCE_UNREACHABLE for one that is there and does not answer.
 */
export interface Board {
  /** What manages it; goes into every answer, so that nobody takes an emulated value for a real one. */
  readonly emulated: boolean;
  bricks(): readonly BrickInfo[];
  brick(id: string): BrickInfo;
  /** Resolves when it is so, durably. @throws SDM_BOARD_STATE where that cannot be kept. */
  setPower(brick: string, on: boolean): Promise<void>;
  brickPower(brick: string): BrickPower;
  bootSource(brick: string): string;
  setBootSource(brick: string, path: string): Promise<void>;
  links(brick: string): readonly LinkInfo[];
  pcie(brick: string): readonly PcieDevice[];
  /** @throws SDM_RESOURCE_UNREACHABLE where the brick is off or does not answer. */
  ping(brick: string): void;

  sensors(): readonly Sensor[];
  firmware(): readonly Firmware[];

  switches(): readonly CrossConnectView[];
  switch(id: string): CrossConnectView;
  /** "BRICK/TRANSCEIVER" or undefined: what is known to hang on a port. */
  endpoint(id: string, port: number): string | undefined;
  /**
   * Connects pairs of ports, all or none. Pairs that are connected already are fine. Resolves when that
   * is durable and every link that it makes whole is up.
   * @throws SDM_PORT_CONNECTED: a port of a circuit switch is in another circuit; SDM_PORT_FAULT: a port
   *   does not connect, or the link behind it does not come up.
   */
  connect(id: string, pairs: readonly Pair[]): Promise<Changed>;
  /** Takes pairs apart; those that are not connected are fine. */
  disconnect(id: string, pairs: readonly Pair[]): Promise<Changed>;

  /** The highest that was kept, also by a daemon before this one. */
  readonly term: Term | undefined;
  /** Resolves when it is durable; one that is no higher changes nothing. @throws SDM_BOARD_STATE */
  keepTerm(term: Term): Promise<void>;

  /** @returns ends it. */
  subscribe(listener: (event: BoardEvent) => void): () => void;
  /** Fires where what the board is told cannot be kept any more: the daemon ends. */
  readonly failed: Promise<Error>;
  close(): Promise<void>;
  /** Only emulated boards have it. */
  readonly faults?: BoardFaults;
}

/** What tests make go wrong. Nothing of it outlives the daemon. */
export type Fault =
  | { readonly kind: 'port'; readonly switch: string; readonly port: number }
  | { readonly kind: 'slow'; readonly ms: number }
  | { readonly kind: 'unplugged'; readonly brick: string }
  | { readonly kind: 'power-off'; readonly brick: string }
  | { readonly kind: 'silent'; readonly brick?: string; readonly switch?: string }
  | { readonly kind: 'hot'; readonly celsius: number };

export interface BoardFaults {
  list(): readonly Fault[];
  /** Replaces all of them. @throws SDM_NO_RESOURCE where one names what there is not. */
  set(faults: readonly Fault[]): Promise<void>;
  /** Milliseconds that every answer waits. */
  readonly slowMs: number;
}
