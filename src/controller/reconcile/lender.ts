import { SdmError } from '../../common/errors.js';
import { readAgent } from './agent.js';
import { isInUse, recordOf, restore, type Context } from './context.js';
import type { Finding, Target } from './types.js';

interface LenderGrant {
  readonly id: string;
  readonly owner: string;
  readonly borrower?: string;
  readonly state: string;
}

/** Compares a lender with the grants that there should be. @param wanted platforms before it was asked. */
export async function lookAtLender(
  context: Context,
  target: Target,
  wanted: ReadonlySet<number>,
): Promise<Finding[]> {
  const { port, parts, options } = context;
  const should = [...wanted].flatMap((id) => {
    const platform = port.platforms.get(id);
    return (platform?.attachments ?? [])
      .filter((each) => each.memory === target.id && isInUse(platform!, each))
      .map((each) => each.id);
  });
  const answer = await parts.daemons.call(target.address, {
    ...{ method: 'GET', path: '/v1/grants', timeoutMs: options.lookMs, retryMs: 0, look: true },
  });
  const { grants } = answer as { readonly grants: readonly LenderGrant[] };
  const there = new Set(grants.map(({ id }) => id));
  const waiting = await scrubsOf(context, target.id);
  const settle: Finding[] =
    waiting.size === 0
      ? []
      : [
          {
            what: `${waiting.size} ranges wait for their scrub`,
            repair: async () => void (await port.settleScrubs(target.id)),
          },
        ];
  return [
    ...grants.flatMap((grant) => (waiting.has(grant.id) ? [] : judge(context, target, grant))),
    ...should
      .filter((id) => !there.has(id))
      .map((id) => ({ what: `grant ${id} is not there`, repair: () => restore(context, id) })),
    ...settle,
  ];
}

/** Attachments whose segments wait for their scrub at a memory brick. */
async function scrubsOf({ port }: Context, memory: string): Promise<Set<string>> {
  const prefix = `scrubs/${memory}/`;
  const entries = await port.store.range(prefix);
  return new Set(entries.map(({ key }) => key.slice(prefix.length)));
}

function judge(context: Context, target: Target, grant: LenderGrant): Finding[] {
  const { port } = context;
  const { id, owner, state } = grant;
  if (owner !== port.name) {
    return [
      { what: `grant ${id} belongs to ${owner === 'local' ? 'the brick itself' : `"${owner}"`}` },
    ];
  }
  // "leaving": the lender scrubs it, and tries again by itself.
  if (recordOf(context, id) !== undefined || state === 'leaving') return [];
  return [
    {
      what: `grant ${id} is there, and no platform has it`,
      repair: () => drop(context, target, grant),
    },
  ];
}

/** Scrubs what nobody has, once its borrower says that it does not use it. */
async function drop(context: Context, target: Target, grant: LenderGrant): Promise<void> {
  const { parts } = context;
  const { id, borrower } = grant;
  const brick = borrower === undefined ? undefined : parts.site.computes.get(borrower);
  if (brick?.address !== undefined && context.port.brickRecord(brick.id)?.fenced === undefined) {
    const { attachments } = await readAgent(context, brick.address);
    if (attachments.some((each) => each.id === id)) {
      throw new SdmError('SDM_CONFLICT', `brick ${brick.id} still has attachment ${id}`);
    }
  }
  if (recordOf(context, id) !== undefined) return;
  await parts.daemons.call(target.address, {
    method: 'DELETE',
    path: `/v1/grants/${encodeURIComponent(id)}`,
    timeoutMs: parts.daemons.timeouts.scrubMs,
  });
}
