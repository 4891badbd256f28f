import { hex } from '../abi/numbers.js';
import type { Ledger } from './platforms/ledger.js';
import { MIB } from './platforms/convert.js';
import type { Rack } from './rack.js';
import type { Problem, TotalsView } from './views.js';

export function totalsOf({ core, site }: Rack, ledger: Ledger): TotalsView {
  const totals = core.totals();
  return {
    cores: totals.cores,
    coresFree: totals.coresFree,
    coresFreeIsland: totals.coresFreeInIsland,
    localMemory: hex(BigInt(totals.localMemory) * MIB),
    localMemoryFree: hex(BigInt(totals.localMemoryFree) * MIB),
    segmentSize: hex(site.segmentSize),
    segments: totals.segments,
    segmentsFree: totals.segmentsFree,
    segmentsDirty: totals.segmentsDirty,
    segmentsQuarantined: totals.segmentsQuarantined,
    platforms: ledger.shown.size,
  };
}

/** What somebody should look at. */
export function problemsOf(ledger: Ledger, overdue: string | undefined): Problem[] {
  const problems: Problem[] = [];
  if (overdue !== undefined) problems.push({ about: 'command', text: overdue });
  for (const { id, state, error } of ledger.shown.values()) {
    if (error === undefined || state === 'allocating') continue;
    problems.push({ about: 'platform', text: `platform ${id} is ${state}: ${error.message}` });
  }
  for (const [id, { lost, fenced }] of ledger.bricks) {
    if (lost === undefined) continue;
    const then = fenced === undefined ? 'fence it, or bring it back' : 'it is fenced';
    problems.push({ about: 'brick', text: `brick ${id} is lost since ${lost.since}: ${then}` });
  }
  const byMemory = new Map<string, number>();
  for (const { memory, count } of ledger.scrubs.values()) {
    byMemory.set(memory, (byMemory.get(memory) ?? 0) + count);
  }
  for (const [memory, count] of byMemory) {
    problems.push({ about: 'scrub', text: `${count} segments of ${memory} wait for their scrub` });
  }
  return problems;
}
