import type { ErrorView } from '../records.js';
import { isInUse, markFailed, recordOf, restore, type Context } from './context.js';
import type { Finding, Target } from './types.js';

/** What an agent answers, as far as it is of interest; addresses are "0x…". */
interface AgentAttachment {
  readonly id: string;
  readonly state: string;
  readonly size: string;
  readonly remote: string;
  readonly owner: string;
  readonly waits?: 'controller' | 'restore';
  readonly error?: ErrorView;
}

interface AgentMemport {
  readonly port: number;
  readonly set: boolean;
  readonly owner: string;
  readonly by?: string;
}

export interface AgentView {
  readonly attachments: readonly AgentAttachment[];
  readonly memports: readonly AgentMemport[];
}

/** @throws SDM_UNREACHABLE, SDM_TIMEOUT. */
export async function readAgent({ parts, options }: Context, address: string): Promise<AgentView> {
  const call = { method: 'GET', timeoutMs: options.lookMs, retryMs: 0, look: true } as const;
  const [attachments, memports] = await Promise.all([
    parts.daemons.call(address, { ...call, path: '/v1/attachments' }),
    parts.daemons.call(address, { ...call, path: '/v1/memports' }),
  ]);
  return {
    attachments: (attachments as Pick<AgentView, 'attachments'>).attachments,
    memports: (memports as Pick<AgentView, 'memports'>).memports,
  };
}

/** Compares an agent with what its brick should have. @param wanted platforms before it was asked. */
export async function lookAtAgent(
  context: Context,
  target: Target,
  wanted: ReadonlySet<number>,
): Promise<Finding[]> {
  const { port } = context;
  const should = [...wanted].flatMap((id) => {
    const platform = port.platforms.get(id);
    if (platform === undefined || platform.brick !== target.id) return [];
    return platform.attachments.filter((each) => isInUse(platform, each)).map(({ id: a }) => a);
  });
  const { attachments, memports } = await readAgent(context, target.address);
  const there = new Set(attachments.map(({ id }) => id));
  return [
    ...attachments.flatMap((each) => judge(context, target, each)),
    ...should
      .filter((id) => !there.has(id))
      .map((id) => ({
        what: `attachment ${id} is not there`,
        repair: () => restore(context, id),
      })),
    ...memports
      .filter(({ set, owner }) => set && (owner === 'foreign' || owner === 'manual'))
      .map(({ port: number, owner, by }) => ({
        what: `memport ${number} is set ${owner === 'manual' ? `by hand, by ${by ?? 'somebody'}` : 'by somebody unknown'}`,
      })),
  ];
}

function judge(context: Context, target: Target, found: AgentAttachment): Finding[] {
  const { port, parts } = context;
  const { id } = found;
  const record = recordOf(context, id);
  if (found.owner !== port.name) {
    const whose = found.owner === 'local' ? 'the brick itself' : `"${found.owner}"`;
    // One that ours became by an override is ours to report, not to take back.
    return [{ what: `attachment ${id} belongs to ${whose}` }];
  }
  if (record === undefined) {
    return [
      {
        what: `attachment ${id} is there, and no platform has it`,
        bars: true,
        repair: async () => {
          // A platform of that name cannot come: ids are never used again.
          if (recordOf(context, id) !== undefined) return;
          // Always with the bytes kept: they may be somebody else's by now, and only a lender knows.
          await parts.daemons.call(target.address, {
            method: 'DELETE',
            path: `/v1/attachments/${encodeURIComponent(id)}?retain=true`,
            timeoutMs: parts.daemons.timeouts.detachMs,
          });
        },
      },
    ];
  }
  const { platform, attachment } = record;
  if (platform.brick !== target.id) {
    const what = `attachment ${id} is there, but platform ${platform.id} is on ${platform.brick}`;
    return [{ what, bars: true }];
  }
  if (!isInUse(platform, attachment)) return []; // whoever has its turn ends it
  if (found.waits !== undefined || attachment.state === 'failed') {
    if (found.waits === undefined && found.state === 'failed') return [broken(context, found)];
    const why = found.waits === undefined ? 'had failed' : `waits for its ${found.waits}`;
    return [{ what: `attachment ${id} ${why}`, repair: () => restore(context, id) }];
  }
  return found.state === 'failed' ? [broken(context, found)] : [];
}

/** What the agent could neither keep nor undo: a person looks. */
function broken(context: Context, { id, error }: AgentAttachment): Finding {
  const why = error ?? { code: 'SDM_FAILED', message: 'the agent does not say why' };
  void markFailed(context, id, why).catch(() => {});
  return { what: `attachment ${id} has failed: ${why.message}` };
}
