/** Racks of which nothing is there but the file: what is reserved is programmed nowhere. */

export interface Small {
  readonly compute: number;
  readonly memory: number;
  /** Of each memory brick. */
  readonly segments: number;
  /** Of each compute brick, two islands of half as many. */
  readonly cores: number;
  readonly memports: number;
  /** Of the switch; undefined: as much as its ports have. */
  readonly capacity?: number;
  /** Of the agents of the first compute bricks. */
  readonly addresses?: readonly string[];
}

const TRANSCEIVERS = 8;
export const SMALL: Small = { compute: 2, memory: 2, segments: 16, cores: 8, memports: 32 };

/** One box, one tray, one electrical switch; bricks 0… compute, 8… memory. Segments of 256 MiB. */
export function smallTopology(options: Partial<Small> = {}): object {
  const {
    compute,
    memory,
    segments,
    cores,
    memports,
    capacity,
    addresses = [],
  } = { ...SMALL, ...options };
  const common = { transceivers: TRANSCEIVERS };
  const bricks = [
    ...Array.from({ length: compute }, (_, id) => ({
      ...{ id, type: 'compute', ...common, memports },
      ...(addresses[id] === undefined ? {} : { address: addresses[id], mode: 'device' }),
      ...{ islands: [cores / 2, cores / 2], memory: '4GiB', ip: `10.0.0.${id + 1}` },
    })),
    ...Array.from({ length: memory }, (_, i) => ({
      ...{ id: 8 + i, type: 'memory', ...common, segments },
    })),
  ];
  const links = bricks.flatMap(({ id }, brick) =>
    Array.from({ length: TRANSCEIVERS }, (_, t) => ({
      a: `0.0.${id}/${t}`,
      b: `dbesm-0-0/${brick * TRANSCEIVERS + t}`,
    })),
  );
  const ports = bricks.length * TRANSCEIVERS;
  const packets = { kind: 'electrical', ports, capacity: capacity ?? ports * 100 };
  return {
    version: 1,
    rack: 'r0',
    racks: [
      {
        id: 0,
        boxes: [
          {
            id: 0,
            switches: [{ id: 'dbesm-0-0', ...packets }],
            trays: [{ id: 0, bricks }],
          },
        ],
      },
    ],
    links,
  };
}
