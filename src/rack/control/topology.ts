import { hex } from '../../common/units.js';
import type { BrickEntry, Topology } from '../../controller/inventory/topology-schema.js';

/** What is in a box of a rack that is made here: bricks are numbered from 0, compute bricks first. */
export interface BoxSpec {
  /** Of the daemon that has the bricks and the box's switch. */
  readonly dbmc?: string;
  readonly compute: readonly {
    readonly address?: string;
    readonly cores: number;
    /** Bytes. */
    readonly memory: bigint;
    readonly memports?: number;
    readonly mode?: 'system-ram' | 'device';
    readonly node?: number;
  }[];
  readonly memory: readonly {
    readonly address?: string;
    /** Offset in the pool, bytes. */
    readonly base: bigint;
    readonly segments: number;
  }[];
}

export interface TopologySpec {
  /** Name of the whole, as certificates have it. */
  readonly name: string;
  /** Bytes. */
  readonly segmentSize: bigint;
  readonly boxes: readonly BoxSpec[];
  /** Of the daemon that has the rack's switch; where there are several boxes. */
  readonly dbmc?: string;
}

/** Of every brick; the generic register block has as many. */
export const TRANSCEIVERS = 4;
const PORTS = 128;
/** From a box to the rack's switch. */
const UPLINKS = 8;
const FIRST_UPLINK = PORTS - UPLINKS;

/** The id of brick `n` of a box. */
export function brickId(box: number, n: number): string {
  return `0.${box}.${n}`;
}

export function boxSwitch(box: number): string {
  return `dbesm-0-${box}`;
}

/**
 * A rack of boxes of one tray each: each box has a packet switch on which all transceivers of its bricks
 * hang, and several boxes are joined by a circuit switch of the rack.
 */
export function rackTopology({ name, segmentSize, boxes, dbmc }: TopologySpec): Topology {
  const joined = boxes.length > 1;
  return {
    version: 1,
    rack: name,
    segmentSize: hex(segmentSize),
    racks: [
      {
        id: 0,
        ...(dbmc !== undefined && { dbmc }),
        ...(joined && {
          switches: [{ id: 'drosm-0', kind: 'optical' as const, ports: boxes.length * UPLINKS }],
        }),
        boxes: boxes.map((box, b) => ({
          id: b,
          switches: [
            { id: boxSwitch(b), kind: 'electrical' as const, ports: PORTS, capacity: PORTS * 100 },
          ],
          trays: [
            { id: 0, ...(box.dbmc !== undefined && { dbmc: box.dbmc }), bricks: bricksOf(box) },
          ],
        })),
      },
    ],
    links: boxes.flatMap((box, b) => [
      ...bricksOf(box).flatMap(({ id }) =>
        Array.from({ length: TRANSCEIVERS }, (_, t) => ({
          a: `${brickId(b, id)}/${t}`,
          b: `${boxSwitch(b)}/${id * TRANSCEIVERS + t}`,
        })),
      ),
      ...(joined
        ? Array.from({ length: UPLINKS }, (_, u) => ({
            a: `${boxSwitch(b)}/${FIRST_UPLINK + u}`,
            b: `drosm-0/${b * UPLINKS + u}`,
          }))
        : []),
    ]),
  };
}

function bricksOf({ compute, memory }: BoxSpec): BrickEntry[] {
  return [
    ...compute.map(({ address, cores, memory: local, memports, mode, node }, id) => ({
      id,
      type: 'compute' as const,
      transceivers: TRANSCEIVERS,
      islands: [cores],
      memory: hex(local),
      ip: '127.0.0.1',
      ...(address !== undefined && { address }),
      ...(memports !== undefined && { memports }),
      ...(mode !== undefined && { mode }),
      ...(node !== undefined && { node }),
    })),
    ...memory.map(({ address, base, segments }, i) => ({
      id: compute.length + i,
      type: 'memory' as const,
      transceivers: TRANSCEIVERS,
      base: hex(base),
      segments,
      ...(address !== undefined && { address }),
    })),
  ];
}
