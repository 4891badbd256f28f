import { describe, expect, it } from 'vitest';
import { GraphBuilder, type Graph } from '../../../src/controller/inventory/graph.js';
import { generateGraph } from '../../../src/controller/inventory/generate.js';
import { isRefusal, ReservationCore } from '../../../src/controller/reservation/core.js';
import type { Reservation, ReserveRequest } from '../../../src/controller/reservation/types.js';

const ONE: ReserveRequest = { segments: 1, pathUtil: 10, policy: 'nearest' };

function granted(core: ReservationCore, request: Partial<ReserveRequest>): Reservation {
  const answer = core.reserve({ ...ONE, ...request });
  if (isRefusal(answer)) throw new Error(JSON.stringify(answer));
  core.check();
  return answer;
}

/** One compute brick and three memory bricks of 16 segments in a box; 10, 4 and 0 of them are taken. */
function uneven(): ReservationCore {
  const graph = generateGraph({ boxes: 1, compute: 2, memory: 3, segments: 16, memports: 16 });
  const core = new ReservationCore(graph);
  core.quarantine(0, 0, 10);
  core.quarantine(1, 0, 4);
  return core;
}

describe('policies', () => {
  it('nearest takes the run that fits best', () => {
    expect(granted(uneven(), { segments: 8 }).runs[0]!.memory).toBe(1);
    expect(granted(uneven(), { segments: 5 }).runs[0]!.memory).toBe(0);
  });

  it('pack takes the fullest brick that has a run, spread the emptiest', () => {
    expect(granted(uneven(), { policy: 'pack' }).runs[0]!.memory).toBe(0);
    expect(granted(uneven(), { policy: 'spread' }).runs[0]!.memory).toBe(2);
  });

  it('pack and nearest fill an island, spread takes the emptiest brick', () => {
    for (const [policy, brick] of [
      ['pack', 0],
      ['nearest', 0],
      ['spread', 1],
    ] as const) {
      const core = uneven();
      granted(core, { compute: 0, cores: 1 });
      expect(granted(core, { cores: 1, policy }).compute).toBe(brick);
    }
  });

  it('spread goes to the emptier box, pack to the fuller one', () => {
    for (const [policy, box] of [
      ['spread', 1],
      ['pack', 0],
    ] as const) {
      const core = new ReservationCore(generateGraph({ boxes: 2, compute: 1, memory: 1 }));
      core.quarantine(0, 0, 20);
      const { compute } = core.graph.columns;
      expect(compute.box[granted(core, { policy }).compute]).toBe(box);
    }
  });

  it('same-box stays in the box', () => {
    const core = new ReservationCore(
      generateGraph({ boxes: 2, compute: 1, memory: 1, segments: 8 }),
    );
    expect(granted(core, { compute: 0, segments: 8, policy: 'same-box' }).runs[0]!.memory).toBe(0);
    expect(isRefusal(core.reserve({ ...ONE, compute: 0, policy: 'same-box' }))).toBe(true);
    expect(granted(core, { compute: 0 }).runs[0]!.memory).toBe(1);
  });
});

/** Two packet switches with two links to a circuit switch each: c0, c1 and m0 at one, m1 at the other. */
function twoBoxes(): Graph {
  const builder = new GraphBuilder();
  const rack = builder.addRack(0);
  const boxes = [builder.addBox(rack, 0), builder.addBox(rack, 1)];
  const middle = builder.addSwitch({ id: 'middle', kind: 'optical', ports: 4, rack });
  const ends = boxes.map((box, i) => {
    const own = builder.addSwitch({ id: `box${i}`, kind: 'electrical', ports: 8, box });
    for (const u of [0, 1]) builder.addLink(builder.port(own, u), builder.port(middle, 2 * i + u));
    return own;
  });
  const brick = { transceivers: 2 };
  const c = builder.addCompute(boxes[0]!, {
    id: 0,
    ...brick,
    islands: [8],
    memory: 0,
    memports: 32,
  });
  const other = builder.addCompute(boxes[0]!, {
    id: 3,
    ...brick,
    islands: [8],
    memory: 0,
    memports: 32,
  });
  const near = builder.addMemory(boxes[0]!, { id: 1, ...brick, segments: 4 });
  const far = builder.addMemory(boxes[1]!, { id: 2, ...brick, segments: 40 });
  for (const t of [0, 1]) {
    builder.addLink(builder.computeTransceiver(c, t), builder.port(ends[0]!, 2 + t));
    builder.addLink(builder.computeTransceiver(other, t), builder.port(ends[0]!, 6 + t));
    builder.addLink(builder.memoryTransceiver(near, t), builder.port(ends[0]!, 4 + t));
    builder.addLink(builder.memoryTransceiver(far, t), builder.port(ends[1]!, 4 + t));
  }
  return builder.build();
}

describe('paths', () => {
  it('takes what is near first, and the rest where the next free segments are', () => {
    const core = new ReservationCore(twoBoxes());
    const { runs, paths } = granted(core, { segments: 6 });
    expect(runs.map(({ memory, count }) => [memory, count])).toEqual([
      [0, 4],
      [1, 2],
    ]);
    expect(paths.map(({ hops }) => hops.length)).toEqual([1, 3]);
    expect(core.totals().circuits).toBe(1);
  });

  it('uses the open path of a pair while its util fits, then another transceiver', () => {
    const core = new ReservationCore(twoBoxes());
    const ids = [60, 40, 60].map((pathUtil) => granted(core, { pathUtil }).paths[0]!.id);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  it('uses a circuit that is there before it opens one more', () => {
    const core = new ReservationCore(twoBoxes());
    core.setMemoryUsable(0, false);
    granted(core, { pathUtil: 60 });
    expect(core.totals().circuits).toBe(1);
    granted(core, { pathUtil: 40 });
    expect(core.totals().circuits).toBe(1);
    granted(core, { pathUtil: 40 });
    expect(core.totals().circuits).toBe(2);
  });

  it('does not use an open path whose links others have filled', () => {
    const core = new ReservationCore(twoBoxes());
    core.setMemoryUsable(0, false);
    const one = granted(core, { compute: 0, pathUtil: 30 });
    granted(core, { compute: 1, pathUtil: 60 });
    expect(core.totals().circuits).toBe(1);
    const two = granted(core, { compute: 0, pathUtil: 30 });
    expect(two.paths[0]!.id).not.toBe(one.paths[0]!.id);
    expect(core.totals().circuits).toBe(2);
  });

  it('parts a circuit with the last path through it', () => {
    const core = new ReservationCore(twoBoxes());
    core.setMemoryUsable(0, false);
    const one = granted(core, { pathUtil: 60 });
    const two = granted(core, { pathUtil: 30 });
    core.release(one);
    expect(core.totals()).toMatchObject({ circuits: 1, paths: 1 });
    core.release(two);
    expect(core.totals()).toMatchObject({ circuits: 0, paths: 0 });
  });

  it('goes around a switch that may not be used', () => {
    const core = new ReservationCore(twoBoxes());
    const { switches } = core.graph.columns;
    core.setSwitchUsable(switches.names.indexOf('middle'), false);
    expect(isRefusal(core.reserve({ ...ONE, segments: 6 }))).toBe(true);
    expect(granted(core, { segments: 4 }).paths[0]!.hops).toHaveLength(1);
    core.setSwitchUsable(switches.names.indexOf('middle'), true);
    granted(core, { segments: 2 });
  });

  it('gives the util of a path back with its last run', () => {
    const core = new ReservationCore(twoBoxes());
    core.quarantine(0, 1, 1);
    const made = granted(core, { segments: 3, pathUtil: 80 });
    expect(made.runs).toHaveLength(2);
    expect(made.paths).toHaveLength(1);
    const left = core.release(made, { runs: [0] })!;
    expect(left.paths).toEqual(made.paths);
    core.check();
    expect(core.release(left, { runs: [0] })).toBeUndefined();
    expect(core.snapshot().transceiverFree).toEqual(
      new ReservationCore(core.graph).snapshot().transceiverFree,
    );
  });
});
