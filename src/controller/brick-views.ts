import { hex } from '../abi/numbers.js';
import { SdmError } from '../common/errors.js';
import type { Ledger } from './platforms/ledger.js';
import type { Segments } from './reservation/segments.js';
import type { MemorySite, Site } from './synthesizer/site.js';
import type { BrickView, Liveness, SwitchLiveness, SwitchView } from './views.js';

interface Use {
  cores: number;
  localMemory: bigint;
  segments: number;
  readonly platforms: Set<number>;
}

export interface ViewParts {
  readonly site: Site;
  readonly ledger: Ledger;
  readonly liveness: (id: string) => Liveness;
  readonly switchLiveness: (id: string) => SwitchLiveness;
  /** As the reservation core has them: which of them are in quarantine. */
  readonly segments: Segments;
}

/** What durable platforms have of each brick. */
function usesOf({ shown }: Ledger): Map<string, Use> {
  const uses = new Map<string, Use>();
  const of = (id: string): Use => {
    let use = uses.get(id);
    if (use === undefined) {
      uses.set(id, (use = { cores: 0, localMemory: 0n, segments: 0, platforms: new Set() }));
    }
    return use;
  };
  for (const { id, brick, cores, localMemory, attachments } of shown.values()) {
    const use = of(brick);
    use.cores += cores;
    use.localMemory += BigInt(localMemory);
    use.platforms.add(id);
    for (const { memory, count } of attachments) {
      const lent = of(memory);
      lent.segments += count;
      lent.platforms.add(id);
    }
  }
  return uses;
}

export function brickViews(parts: ViewParts): BrickView[] {
  const { site } = parts;
  const uses = usesOf(parts.ledger);
  return [...site.computes.keys(), ...site.memories.keys(), ...site.accelerators.keys()].map((id) =>
    viewOf(parts, uses.get(id), id)!,
  );
}

/** @throws SDM_NOT_FOUND. */
export function brickView(parts: ViewParts, id: string): BrickView {
  const view = viewOf(parts, usesOf(parts.ledger).get(id), id);
  if (view !== undefined) return view;
  throw new SdmError('SDM_NOT_FOUND', `there is no brick ${id}; \`sdm brick list\` lists them`, {
    details: { brick: id },
  });
}

function viewOf(parts: ViewParts, use: Use | undefined, id: string): BrickView | undefined {
  const { site, ledger } = parts;
  const compute = site.computes.get(id);
  const memory = site.memories.get(id);
  const any = compute ?? memory ?? site.accelerators.get(id);
  if (any === undefined) return undefined;
  const common = {
    id,
    ...(any.address === undefined ? {} : { address: any.address }),
    liveness: parts.liveness(id),
    drained: ledger.bricks.get(id)?.drained ?? false,
    transceivers: any.transceivers,
    platforms: [...(use?.platforms ?? [])].sort((a, b) => a - b),
  };
  if (compute !== undefined) {
    const total = compute.islands.reduce((sum, cores) => sum + cores, 0);
    const { localMemory } = compute;
    return {
      ...common,
      type: 'compute',
      ...(compute.ip === undefined ? {} : { ip: compute.ip }),
      cores: { total, free: total - (use?.cores ?? 0) },
      localMemory: { total: hex(localMemory), free: hex(localMemory - (use?.localMemory ?? 0n)) },
    };
  }
  if (memory === undefined) return { ...common, type: 'accelerator' };
  const dirty = [...ledger.scrubs.values()]
    .filter((scrub) => scrub.memory === id)
    .reduce((sum, { count }) => sum + count, 0);
  const { quarantined, idle } = quarantineOf(parts.segments, memory);
  const taken = (use?.segments ?? 0) + dirty + idle;
  const free = Math.max(0, memory.segments - taken);
  return {
    ...common,
    type: 'memory',
    segments: { total: memory.segments, free, dirty, quarantined },
  };
}

/** Segments of a memory brick in quarantine, and those of them that nobody has and that are clean. */
function quarantineOf(
  segments: Segments,
  { index, segments: count }: MemorySite,
): { quarantined: number; idle: number } {
  const quarantined = segments.countIn(segments.quarantined, index);
  let idle = 0;
  for (let n = 0; quarantined > 0 && n < count; n += 1) {
    const is = (column: Int32Array): boolean => segments.has(column, index, n, 1);
    if (is(segments.quarantined) && !is(segments.taken) && !is(segments.dirty)) idle += 1;
  }
  return { quarantined, idle };
}

export type SwitchParts = Pick<ViewParts, 'site' | 'ledger' | 'switchLiveness'>;

export function switchViews({ site, ledger, switchLiveness }: SwitchParts): SwitchView[] {
  const pairs = new Map<string, Map<string, { in: number; out: number; attachments: string[] }>>();
  for (const { attachments } of ledger.shown.values()) {
    for (const { id, path } of attachments) {
      for (const hop of path.hops) {
        const own = pairs.get(hop.switch) ?? new Map<string, never>();
        pairs.set(hop.switch, own);
        const key = `${hop.in}-${hop.out}`;
        const entry = own.get(key) ?? { in: hop.in, out: hop.out, attachments: [] };
        own.set(key, entry);
        entry.attachments.push(id);
      }
    }
  }
  return [...site.switches.values()].map(({ id, kind, ports, address }) => ({
    ...{ id, kind, ports, liveness: switchLiveness(id) },
    ...(address === undefined ? {} : { dbmc: address }),
    connections: [...(pairs.get(id)?.values() ?? [])],
  }));
}

/** @throws SDM_NOT_FOUND. */
export function switchView(parts: SwitchParts, id: string): SwitchView {
  const view = switchViews(parts).find((each) => each.id === id);
  if (view !== undefined) return view;
  throw new SdmError('SDM_NOT_FOUND', `there is no switch ${id}; \`sdm switch list\` lists them`, {
    details: { switch: id },
  });
}
