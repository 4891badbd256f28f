import type { PlatformRecord } from '../records.js';
import type { Site } from '../synthesizer/site.js';
import type { Target } from './types.js';

/** All that can be asked. What has no address is inventory. */
export function targetsOf(site: Site): Target[] {
  const list = (
    kind: Target['kind'],
    places: Iterable<{ readonly id: string; readonly address: string | undefined }>,
  ): Target[] =>
    [...places].flatMap(({ id, address }) =>
      address === undefined ? [] : [{ kind, id, address }],
    );
  return [
    ...list('switch', site.switches.values()),
    ...list('lender', site.memories.values()),
    ...list('agent', site.computes.values()),
  ];
}

/** For a map: an agent and a lender may be of one brick. */
export const keyOf = ({ kind, id }: Pick<Target, 'kind' | 'id'>): string => `${kind} ${id}`;

/** "p12-3" is of platform 12; undefined: no attachment of a platform is called so. */
export function platformOf(attachment: string): number | undefined {
  const found = /^p([1-9][0-9]{0,15})-(?:0|[1-9][0-9]*)$/.exec(attachment);
  return found === null ? undefined : Number(found[1]);
}

/** Platforms by the brick or switch where something of them should be. */
export class Wanted {
  readonly #agent = new Map<string, Set<number>>();
  readonly #lender = new Map<string, Set<number>>();
  readonly #switch = new Map<string, Set<number>>();

  constructor(platforms: Iterable<PlatformRecord>) {
    for (const { id, brick, attachments } of platforms) {
      if (attachments.length > 0) put(this.#agent, brick, id);
      for (const { memory, path } of attachments) {
        put(this.#lender, memory, id);
        for (const hop of path.hops) put(this.#switch, hop.switch, id);
      }
    }
  }

  at({ kind, id }: Target): ReadonlySet<number> {
    const maps = { agent: this.#agent, lender: this.#lender, switch: this.#switch };
    return maps[kind].get(id) ?? new Set();
  }
}

function put(map: Map<string, Set<number>>, key: string, id: number): void {
  const found = map.get(key);
  if (found === undefined) map.set(key, new Set([id]));
  else found.add(id);
}
