import { SdmError } from '../../common/errors.js';
import { parseSize } from '../../common/units.js';
import { segmentMiB } from '../inventory/compile.js';
import type { Graph } from '../inventory/graph.js';
import type { TopologyIndex } from '../inventory/topology-index.js';
import type { BrickEntry, Topology } from '../inventory/topology-schema.js';
import type { Networks } from '../platforms/networks.js';
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
  /** Of a memory brick. @throws SDM_INTERNAL for one that has no number yet. */
  networkOf(memory: BrickId): number;
  /** "rack.box", by index of the box. */
  boxName(index: number): string;
}

/** @param index of the same topology as the graph. */
export function makeSite(
  topology: Topology,
  index: TopologyIndex,
  graph: Graph,
  networks: Pick<Networks, 'of'>,
): Site {
  const computeAt = index.compute.map(({ id, entry, index: at }): ComputeSite => {
    const {
      address,
      ip,
      mode = 'system-ram',
      node,
      transceivers,
      islands,
      memory,
    } = only(entry, 'compute');
    const localMemory = parseSize(memory);
    return { id, index: at, address, ip, mode, node, transceivers, islands, localMemory };
  });
  const memoryAt = index.memory.map(({ id, entry, index: at }): MemorySite => {
    const { address, base = '0x0', segments, transceivers } = only(entry, 'memory');
    return { id, index: at, address, base: BigInt(base), segments, transceivers };
  });
  const accelerators = index.accelerators.map(({ id, entry }): AcceleratorSite => {
    const { address, transceivers } = only(entry, 'accelerator');
    return { id, address, transceivers };
  });
  const switchAt = [...index.switches.values()].map((place): SwitchSite => {
    const { id, entry, rack, box, dbmc } = place;
    return {
      id,
      index: place.index,
      kind: entry.kind,
      ports: entry.ports,
      address: dbmc,
      rack,
      box,
    };
  });
  const byId = <T extends { readonly id: string }>(all: readonly T[]): ReadonlyMap<string, T> =>
    new Map(all.map((each) => [each.id, each]));
  return {
    segmentSize: BigInt(segmentMiB(topology)) << 20n,
    ...{ computes: byId(computeAt), memories: byId(memoryAt) },
    ...{ accelerators: byId(accelerators), switches: byId(switchAt) },
    ...{ computeAt, memoryAt, switchAt },
    networkOf: (memory) => networks.of(memory),
    boxName: (box) => graph.boxName(box),
  };
}

function only<T extends BrickEntry['type']>(
  entry: BrickEntry,
  type: T,
): Extract<BrickEntry, { readonly type: T }> {
  if (entry.type === type) return entry as Extract<BrickEntry, { readonly type: T }>;
  throw new SdmError('SDM_INTERNAL', `a brick of type ${entry.type} is listed as ${type}`);
}
