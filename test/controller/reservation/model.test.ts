import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Graph } from '../../../src/controller/inventory/graph.js';
import { isRefusal, ReservationCore } from '../../../src/controller/reservation/core.js';
import type { Reservation, ReservedRun } from '../../../src/controller/reservation/types.js';
import { Ledger } from './support/ledger.js';
import { command, type Command } from './support/requests.js';
import { graphOf, rackWiring, wiring } from './support/topologies.js';

/** The core, with what its callers would know of it. */
class World {
  readonly core: ReservationCore;
  live: Reservation[] = [];
  dirty: Pick<ReservedRun, 'memory' | 'first' | 'count'>[] = [];
  quarantined = new Set<string>();

  constructor(readonly graph: Graph) {
    this.core = new ReservationCore(graph);
  }

  run(step: Command): void {
    const { core, live } = this;
    const { memory } = this.graph.columns;
    switch (step.do) {
      case 'reserve':
        return this.#reserve(step.request);
      case 'release': {
        if (live.length === 0) return;
        const [gone] = live.splice(step.which % live.length, 1);
        expect(core.release(gone!, { dirty: step.dirty })).toBeUndefined();
        if (step.dirty) this.dirty.push(...gone!.runs);
        return;
      }
      case 'release some': {
        if (live.length === 0) return;
        const at = step.which % live.length;
        const old = live[at]!;
        const runs = old.runs.map((_, i) => i).filter((i) => (step.mask >> i) & 1);
        const left = core.release(old, { runs, dirty: step.dirty });
        if (step.dirty) this.dirty.push(...runs.map((i) => old.runs[i]!));
        live.splice(at, 1, ...(left === undefined ? [] : [left]));
        const kept = old.runs.filter((_, i) => !runs.includes(i));
        expect(left?.runs ?? []).toEqual(kept);
        expect(left?.paths ?? []).toEqual(
          old.paths.filter(({ id }) => kept.some(({ path }) => path === id)),
        );
        return;
      }
      case 'clean': {
        if (this.dirty.length === 0) return;
        const [range] = this.dirty.splice(step.which % this.dirty.length, 1);
        core.clean(range!.memory, range!.first, range!.count);
        return;
      }
      case 'quarantine': {
        const { memory: m, first, count } = step;
        if (m >= memory.count || first + count > memory.segments[m]!) return;
        if (step.on) core.quarantine(m, first, count);
        else core.unquarantine(m, first, count);
        for (let n = first; n < first + count; n += 1) {
          if (step.on) this.quarantined.add(`${m}/${n}`);
          else this.quarantined.delete(`${m}/${n}`);
        }
        return;
      }
      case 'usable': {
        const { compute, switches } = this.graph.columns;
        if (step.kind === 'compute') core.setComputeUsable(step.which % compute.count, step.on);
        else if (step.kind === 'memory') core.setMemoryUsable(step.which % memory.count, step.on);
        else core.setSwitchUsable(step.which % switches.count, step.on);
      }
    }
  }

  #reserve(request: Parameters<ReservationCore['reserve']>[0]): void {
    const { core, live } = this;
    if (request.compute !== undefined && request.compute >= this.graph.columns.compute.count)
      return;
    const before = core.snapshot();
    const planned = core.plan(request);
    expect(core.snapshot()).toEqual(before);
    expect(core.explain(request)).toEqual(isRefusal(planned) ? planned : 'fits');
    const answer = core.reserve(request);
    expect(answer).toEqual(planned);
    if (isRefusal(answer)) {
      expect(core.snapshot()).toEqual(before);
      expect(answer.found).toBeLessThanOrEqual(answer.asked);
      if (answer.nearest !== undefined) expect(core.explain(answer.nearest)).toBe('fits');
      return;
    }
    this.#checkAnswer(request, answer);
    core.release(answer);
    expect(core.snapshot()).toEqual(before);
    core.restore(answer);
    live.push(answer);
  }

  #checkAnswer(request: Parameters<ReservationCore['reserve']>[0], answer: Reservation): void {
    const { compute, memory } = this.graph.columns;
    const { memory: asked = 0, localMemory = 0, localAtMost = asked } = request;
    if (request.compute !== undefined) expect(answer.compute).toBe(request.compute);
    expect(answer.cores).toBe(request.cores ?? 0);
    const here = answer.localMemory - localMemory;
    expect(here).toBeGreaterThanOrEqual(0);
    expect(here).toBeLessThanOrEqual(localAtMost);
    const segments = answer.runs.reduce((sum, { count }) => sum + count, 0);
    expect(segments).toBe(request.segments + Math.ceil((asked - here) / this.graph.segmentMiB));
    for (const { memory: m, first, count, path } of answer.runs) {
      expect(answer.paths.find(({ id }) => id === path)?.memory).toBe(m);
      for (let n = first; n < first + count; n += 1) {
        expect(this.quarantined.has(`${m}/${n}`)).toBe(false);
        expect(this.core.state.memoryUsable[m]).toBe(1);
      }
      if (request.policy === 'same-box') expect(memory.box[m]).toBe(compute.box[answer.compute]);
    }
    expect(this.core.state.computeUsable[answer.compute]).toBe(1);
    for (const path of answer.paths) expect(path.util).toBe(request.pathUtil);
  }

  check(): void {
    this.core.check();
    const ledger = new Ledger(this.graph, this.live);
    for (const { memory, first, count } of this.dirty) {
      for (let n = first; n < first + count; n += 1) {
        if (ledger.owner.has(`${memory}/${n}`)) throw new Error('dirty, and given away');
      }
    }
    const totals = this.core.totals();
    const count = this.dirty.reduce((sum, range) => sum + range.count, 0);
    expect(totals.segmentsDirty).toBe(count);
    expect(totals.segmentsQuarantined).toBe(this.quarantined.size);
    expect(totals.circuits).toBe(ledger.peer.size / 2);
  }

  /** All of it once more in a core of its own. */
  checkRestored(): void {
    const other = new ReservationCore(this.graph);
    for (const reservation of this.live) other.restore(reservation);
    for (const { memory, first, count } of this.dirty) other.markDirty(memory, first, count);
    for (const name of this.quarantined) {
      const [m, n] = name.split('/').map(Number);
      other.quarantine(m!, n!, 1);
    }
    const { computeUsable, memoryUsable, links } = this.core.state;
    computeUsable.forEach((on, c) => other.setComputeUsable(c, on === 1));
    memoryUsable.forEach((on, m) => other.setMemoryUsable(m, on === 1));
    links.switchUsable.forEach((on, s) => other.setSwitchUsable(s, on === 1));
    other.check();
    expect(other.snapshot()).toEqual(this.core.snapshot());
  }
}

const commands = fc.array(command, { minLength: 1, maxLength: 25 });

// Long sequences on many systems: seconds, and more where other tests run beside them.
vi.setConfig({ testTimeout: 120_000 });

describe.each([
  ['wired at random', wiring],
  ['wired as racks are', rackWiring],
])('a system %s', (_name, arbitrary) => {
  it('adds up after every command, and a refusal changes nothing', () => {
    fc.assert(
      fc.property(arbitrary, commands, (made, steps) => {
        const world = new World(graphOf(made));
        for (const step of steps) {
          world.run(step);
          world.check();
        }
        world.checkRestored();
      }),
      { numRuns: 150 },
    );
  });

  it('is as it was when everything was given back', () => {
    fc.assert(
      fc.property(
        arbitrary,
        commands,
        fc.array(fc.nat(), { maxLength: 30 }),
        (made, steps, order) => {
          const world = new World(graphOf(made));
          const fresh = world.core.snapshot();
          for (const step of steps) world.run(step);
          for (const which of [...order, ...world.live.map(() => 0)]) {
            world.run({ do: 'release', which, dirty: false });
          }
          for (const { memory, first, count } of world.dirty)
            world.core.clean(memory, first, count);
          for (const name of world.quarantined) {
            const [m, n] = name.split('/').map(Number);
            world.core.unquarantine(m!, n!, 1);
          }
          const { compute, memory, switches } = world.graph.columns;
          for (let c = 0; c < compute.count; c += 1) world.core.setComputeUsable(c, true);
          for (let m = 0; m < memory.count; m += 1) world.core.setMemoryUsable(m, true);
          for (let s = 0; s < switches.count; s += 1) world.core.setSwitchUsable(s, true);
          expect(world.core.snapshot()).toEqual(fresh);
        },
      ),
      { numRuns: 100 },
    );
  });
});
