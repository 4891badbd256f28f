/** Whether answers that overlap in time are what one order of their requests gives. */
import assert from 'node:assert/strict';

export interface Held {
  readonly id: number;
  readonly brick: string;
  readonly island: number;
  readonly cores: number;
  readonly attachments: readonly {
    readonly id: string;
    readonly memory: string;
    readonly first: number;
    readonly count: number;
  }[];
}

/** A request that was carried out, and the platform as it was after it. Milliseconds of one clock. */
export interface Operation {
  readonly kind: 'create' | 'grow' | 'shrink' | 'release';
  readonly platform: Held;
  readonly begun: number;
  readonly ended: number;
}

/** Something that one platform has, from the answer that gave it to the request that took it. */
interface Holding {
  readonly what: string;
  readonly amount: number;
  readonly platform: number;
  /** Had for certain from here … */
  readonly from: number;
  /** … to here; outside of it the order may be one or the other. */
  readonly to: number;
}

interface Limits {
  readonly cores: number;
}

/**
 * Of what is had for certain at any time nothing is had twice, and no island by more than it has. Each
 * request takes effect at one moment between its beginning and its answer: a thing that is given to two
 * may only be so if one had begun to give it back before the other was answered. Ids are never given twice.
 */
export function check(log: readonly Operation[], { cores }: Limits): void {
  const ids = log.filter(({ kind }) => kind === 'create').map(({ platform }) => platform.id);
  assert.equal(new Set(ids).size, ids.length, 'a platform id was given twice');
  const byPlatform = new Map<number, Operation[]>();
  for (const each of log) {
    const list = byPlatform.get(each.platform.id) ?? [];
    byPlatform.set(each.platform.id, [...list, each]);
  }
  const holdings = [...byPlatform.values()].flatMap(holdingsOf);
  const names = new Set<string>();
  for (const { what, platform } of holdings.filter((each) => each.what.startsWith('attachment '))) {
    assert.ok(!names.has(what), `${what} of platform ${platform} was there before`);
    names.add(what);
  }
  const groups = new Map<string, Holding[]>();
  for (const each of holdings) {
    const group = groups.get(each.what) ?? [];
    group.push(each);
    groups.set(each.what, group);
  }
  for (const [what, group] of groups)
    apart(what, group, what.startsWith('island ') ? cores / 2 : 1);
}

/** One client commands a platform, one request after the other. */
function holdingsOf(operations: readonly Operation[]): Holding[] {
  const holdings: Holding[] = [];
  const open = new Map<string, Omit<Holding, 'to'>>();
  const ordered = [...operations].sort((a, b) => a.begun - b.begun);
  assert.equal(ordered[0]?.kind, 'create');
  assert.equal(ordered.at(-1)?.kind, 'release');
  for (const { kind, platform, begun, ended } of ordered) {
    const now = kind === 'release' ? new Map<string, number>() : partsOf(platform);
    for (const [what, held] of open) {
      if (now.has(what)) continue;
      holdings.push({ ...held, to: begun });
      open.delete(what);
    }
    for (const [what, amount] of now) {
      if (!open.has(what)) open.set(what, { what, amount, platform: platform.id, from: ended });
    }
  }
  assert.equal(open.size, 0, 'a platform was not released');
  return holdings;
}

function partsOf({ brick, island, cores, attachments }: Held): Map<string, number> {
  const parts = new Map([[`island ${brick}/${island}`, cores]]);
  for (const { id, memory, first, count } of attachments) {
    parts.set(`attachment ${id}`, 1);
    for (let i = first; i < first + count; i += 1) parts.set(`segment ${memory}/${i}`, 1);
  }
  return parts;
}

/** No more than `limit` of it is had for certain at any moment. */
function apart(what: string, group: readonly Holding[], limit: number): void {
  const changes = group
    .filter(({ from, to }) => from < to)
    .flatMap(({ from, to, amount, platform }) => [
      { at: from, by: amount, platform },
      { at: to, by: -amount, platform },
    ])
    .sort((a, b) => a.at - b.at || a.by - b.by);
  let had = 0;
  const who = new Set<number>();
  for (const { by, platform } of changes) {
    had += by;
    if (by > 0) who.add(platform);
    assert.ok(had <= limit, `${what} is had ${had} times of ${limit}, by ${[...who].join(', ')}`);
    if (by < 0) who.delete(platform);
  }
}
