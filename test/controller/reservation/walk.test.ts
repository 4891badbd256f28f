import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { isRefusal, ReservationCore } from '../../../src/controller/reservation/core.js';
import type { Reservation, ReserveRequest } from '../../../src/controller/reservation/types.js';
import { Ledger, wayOf } from './support/ledger.js';
import { request } from './support/requests.js';
import { graphOf, rackWiring, wiring, type Wiring } from './support/topologies.js';

const SEARCHED: Partial<ReserveRequest> = { localMemory: 0, cores: 0, memory: 0 };

/** Fills a system with what the requests get. */
function filled(made: Wiring, requests: readonly ReserveRequest[]) {
  const graph = graphOf(made);
  const core = new ReservationCore(graph);
  const live: Reservation[] = [];
  for (const one of requests) {
    if ((one.compute ?? 0) >= graph.columns.compute.count) continue;
    const answer = core.reserve(one);
    if (!isRefusal(answer)) live.push(answer);
  }
  return { graph, core, live };
}

const state = fc.tuple(fc.oneof(wiring, rackWiring), fc.array(request, { maxLength: 10 }));

vi.setConfig({ testTimeout: 120_000 });

describe('the walk', () => {
  it('finds the fewest hops that have capacity, or says that there are none', () => {
    fc.assert(
      fc.property(state, request, fc.nat(), ([made, before], asked, which) => {
        const { graph, core, live } = filled(made, before);
        const { compute, memory } = graph.columns;
        const ledger = new Ledger(graph, live);
        const c = which % compute.count;
        const one: ReserveRequest = {
          ...asked,
          ...SEARCHED,
          compute: c,
          segments: 1,
          policy: 'nearest',
        };
        const reachable = ledger.distances(c, asked.pathUtil);
        const usable = [...reachable].filter(([m]) => core.state.segments.freeCount[m]! > 0);
        const memports = compute.memports[c]! - (ledger.memports.get(c) ?? 0);
        const answer = core.reserve(one);
        if (usable.length === 0 || memports === 0) {
          expect(isRefusal(answer)).toBe(true);
          return;
        }
        if (isRefusal(answer)) throw new Error(`refused: ${JSON.stringify(answer)}`);
        const { memory: m, hops } = answer.paths[0]!;
        const fewest = Math.min(...usable.map(([, distance]) => distance));
        expect(reachable.get(m)).toBe(fewest);
        // A path of the pair that is open already is used even if it is longer.
        const known = live
          .flatMap(({ paths }) => paths)
          .some((p) => wayOf(p) === wayOf(answer.paths[0]!));
        if (!known) expect(hops.length).toBe(fewest);
        expect(m).toBeLessThan(memory.count);
      }),
      { numRuns: 400 },
    );
  });

  it('finds one run if there is one within reach', () => {
    fc.assert(
      fc.property(state, request, fc.nat(), ([made, before], asked, which) => {
        const { graph, core, live } = filled(made, before);
        const { compute } = graph.columns;
        const ledger = new Ledger(graph, live);
        const c = which % compute.count;
        const memports = compute.memports[c]! - (ledger.memports.get(c) ?? 0);
        const runs = [...ledger.distances(c, asked.pathUtil).keys()].map(
          (m) => core.state.segments.longest[m]!,
        );
        const longest = Math.max(0, ...runs);
        if (longest === 0 || memports === 0) return;
        const one: ReserveRequest = {
          ...asked,
          ...SEARCHED,
          compute: c,
          segments: longest,
          policy: 'nearest',
        };
        expect(core.explain(one)).toBe('fits');
      }),
      { numRuns: 300 },
    );
  });

  it('refuses one segment for any brick only if no brick could have it', () => {
    fc.assert(
      fc.property(state, request, ([made, before], asked) => {
        const { graph, core, live } = filled(made, before);
        const { compute } = graph.columns;
        const ledger = new Ledger(graph, live);
        const one: ReserveRequest = {
          segments: 1,
          cores: asked.cores ?? 0,
          pathUtil: asked.pathUtil,
          policy: asked.policy,
        };
        let possible = false;
        for (let c = 0; c < compute.count; c += 1) {
          const memports = compute.memports[c]! - (ledger.memports.get(c) ?? 0);
          if (memports === 0 || core.state.coresFree[c]! < one.cores!) continue;
          for (const m of ledger.distances(c, one.pathUtil).keys()) {
            const sameBox = graph.columns.memory.box[m] === compute.box[c];
            if (core.state.segments.freeCount[m]! > 0 && (one.policy !== 'same-box' || sameBox))
              possible = true;
          }
        }
        expect(isRefusal(core.reserve(one))).toBe(!possible);
      }),
      { numRuns: 400 },
    );
  });
});
