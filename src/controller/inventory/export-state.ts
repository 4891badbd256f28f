/** What a drawing of a topology shows of those who use it. */
import type { BrickView, PlatformView } from '../views.js';

export interface Reserved {
  readonly bricks?: readonly Pick<
    BrickView,
    'id' | 'cores' | 'localMemory' | 'segments' | 'liveness' | 'drained' | 'platforms'
  >[];
  readonly platforms?: readonly Pick<PlatformView, 'id' | 'name' | 'brick' | 'attachments'>[];
}

/** Remote memory in use, as a line between two bricks. */
export interface Use {
  readonly attachment: string;
  readonly platform: number;
  readonly compute: string;
  readonly memory: string;
  readonly segments: number;
  readonly state: string;
}

export interface State {
  readonly bricks: ReadonlyMap<string, NonNullable<Reserved['bricks']>[number]>;
  /** Percent that is taken, by the ends of links: both ends of one have it. */
  readonly taken: ReadonlyMap<string, number>;
  readonly uses: readonly Use[];
}

/** What is reserved, by what a drawing knows. */
export function stateOf({ bricks = [], platforms = [] }: Reserved = {}): State {
  const taken = new Map<string, number>();
  const uses: Use[] = [];
  for (const platform of platforms) {
    // what one reservation takes of a path it takes once, whatever goes over it
    const seen = new Set<string>();
    for (const { id, memory, count, path, util, reservation, state } of platform.attachments) {
      uses.push({
        ...{ attachment: id, platform: platform.id, compute: platform.brick, memory },
        ...{ segments: count, state },
      });
      const once = `${reservation}/${path.id}`;
      if (seen.has(once)) continue;
      seen.add(once);
      const ends = [
        `${platform.brick}/${path.computeTransceiver}`,
        ...path.hops.flatMap((hop) => [`${hop.switch}/${hop.in}`, `${hop.switch}/${hop.out}`]),
        `${memory}/${path.memoryTransceiver}`,
      ];
      for (const end of ends) taken.set(end, (taken.get(end) ?? 0) + util);
    }
  }
  return { bricks: new Map(bricks.map((brick) => [brick.id, brick])), taken, uses };
}
