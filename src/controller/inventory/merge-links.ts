import { SdmError } from '../../common/errors.js';
import { splitEnd } from './ends.js';
import { DEFAULT_CAPACITY, type LinkEntry } from './topology-schema.js';

/**
 * Links with others put among them: each takes the place of what its ends were plugged into before.
 * @param inUse whether platforms use a brick or switch: then none of its links is unplugged.
 * @throws SdmError SDM_BRICK_IN_USE.
 */
export function mergeLinks(
  links: readonly LinkEntry[],
  given: readonly LinkEntry[],
  inUse: (id: string) => boolean,
): readonly LinkEntry[] {
  const fresh = new Map<string, LinkEntry>();
  for (const link of given) fresh.set(link.a, link).set(link.b, link);
  const taken = new Set<LinkEntry>();
  const kept: LinkEntry[] = [];
  for (const link of links) {
    const other = fresh.get(link.a) ?? fresh.get(link.b);
    if (other === undefined || same(link, other)) {
      kept.push(link);
      if (other !== undefined) taken.add(other);
      continue;
    }
    const user = [link.a, link.b].map((end) => splitEnd(end)?.id ?? '').find(inUse);
    if (user === undefined) continue;
    throw new SdmError(
      'SDM_BRICK_IN_USE',
      `the link from ${link.a} to ${link.b} would become one from ${other.a} to ${other.b}, ` +
        `but platforms use ${user}; drain it and release them first`,
      { details: { id: user, link, instead: other } },
    );
  }
  const more = given.filter((link) => !taken.has(link));
  return more.length === 0 && kept.length === links.length ? links : [...kept, ...more];
}

function same(one: LinkEntry, other: LinkEntry): boolean {
  const capacity = (link: LinkEntry): number => link.capacity ?? DEFAULT_CAPACITY;
  const straight = one.a === other.a && one.b === other.b;
  const turned = one.a === other.b && one.b === other.a;
  return (straight || turned) && capacity(one) === capacity(other);
}
