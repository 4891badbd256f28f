import type { AttachmentMode, BrickId } from '../records.js';

/** Where things of the rack are; addresses are those of daemons, none: nothing is programmed there. */
export interface ComputeSite {
  readonly id: BrickId;
  /** In the graph. */
  readonly index: number;
  readonly address: string | undefined;
  readonly ip: string | undefined;
  readonly mode: AttachmentMode;
  readonly node: number | undefined;
  readonly transceivers: number;
  readonly islands: readonly number[];
  /** Bytes. */
  readonly localMemory: bigint;
}

export interface MemorySite {
  readonly id: BrickId;
  readonly index: number;
  /** Of its lender. */
  readonly address: string | undefined;
  /** Remote address of segment 0. */
  readonly base: bigint;
  readonly segments: number;
  readonly transceivers: number;
}

export interface AcceleratorSite {
  readonly id: BrickId;
  readonly address: string | undefined;
  readonly transceivers: number;
}

export interface SwitchSite {
  readonly id: string;
  readonly index: number;
  readonly kind: 'electrical' | 'optical';
  readonly ports: number;
  /** Of what sets its ports. */
  readonly address: string | undefined;
  /** Undefined: it is between racks. */
  readonly rack: number | undefined;
  /** Undefined: it is a rack's. */
  readonly box: number | undefined;
}

export interface Site {
  readonly segmentSize: bigint;
  readonly computes: ReadonlyMap<BrickId, ComputeSite>;
  readonly memories: ReadonlyMap<BrickId, MemorySite>;
  readonly accelerators: ReadonlyMap<BrickId, AcceleratorSite>;
  readonly switches: ReadonlyMap<string, SwitchSite>;
  /** By index in the graph. */
  readonly computeAt: readonly ComputeSite[];
  readonly memoryAt: readonly MemorySite[];
  readonly switchAt: readonly SwitchSite[];
}
