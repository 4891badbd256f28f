import { switchKey, type Pair } from '../synthesizer/ports.js';
import type { HopRecord } from '../records.js';
import { isInUse, isOut, restore, type Context } from './context.js';
import type { Finding, Target } from './types.js';

const lowerFirst = ([a, b]: Pair): Pair => (a < b ? [a, b] : [b, a]);
const keyOf = (pair: Pair): string => pair.join('-');
const pairOf = ({ in: a, out: b }: HopRecord): Pair => lowerFirst([a, b]);

/** @returns pairs with the lower port first. @throws SDM_UNREACHABLE, SDM_TIMEOUT. */
export async function readSwitch({ parts, options }: Context, id: string): Promise<Pair[]> {
  const site = parts.site.switches.get(id)!;
  const key = new URLSearchParams();
  for (const [name, value] of Object.entries(switchKey(site))) key.set(name, String(value));
  const answer = await parts.daemons.call(site.address!, {
    method: 'GET',
    path: `/api/switch/portsinfo?${key.toString()}`,
    timeoutMs: options.lookMs,
    retryMs: 0,
    look: true,
  });
  return (answer as { readonly connections: readonly Pair[] }).connections.map(lowerFirst);
}

/**
 * Compares a switch with the connections that there should be. A switch does not say who connected
 * what: what some platform was seen to need, and none does any more, was ours; all else is foreign.
 */
export async function lookAtSwitch(
  context: Context,
  target: Target,
  wanted: ReadonlySet<number>,
): Promise<Finding[]> {
  const { port, parts, known } = context;
  const should = new Map<string, string>();
  for (const id of wanted) {
    const platform = port.platforms.get(id);
    for (const attachment of platform?.attachments ?? []) {
      if (!isInUse(platform!, attachment)) continue;
      if (isOut(context, platform!.brick)) continue;
      for (const hop of attachment.path.hops) {
        if (hop.switch === target.id) should.set(keyOf(pairOf(hop)), attachment.id);
      }
    }
  }
  const there = await readSwitch(context, target.id);
  const used = new Set(parts.wires.used(target.id).map(({ pair }) => keyOf(pair)));
  for (const key of used) known.add(`${target.id} ${key}`);
  const connected = new Set(there.map(keyOf));
  return [
    ...[...should]
      .filter(([key]) => !connected.has(key))
      .map(([key, attachment]) => ({
        what: `ports ${key} are not connected, and ${attachment} needs them`,
        repair: () => restore(context, attachment),
      })),
    ...there
      .filter((pair) => !used.has(keyOf(pair)))
      .map((pair): Finding => {
        const key = `${target.id} ${keyOf(pair)}`;
        if (!known.has(key))
          return { what: `ports ${keyOf(pair)} were connected by somebody else` };
        return {
          what: `ports ${keyOf(pair)} are connected, and nobody needs them any more`,
          repair: () => disconnect(context, target.id, pair),
        };
      }),
  ];
}

/** Through the one place that knows who needs what: one who takes it meanwhile keeps it. */
async function disconnect({ parts }: Context, id: string, [a, b]: Pair): Promise<void> {
  const hops = [{ switch: id, in: a, out: b }];
  const path = { id: -1, computeTransceiver: 0, memoryTransceiver: 0, hops };
  await parts.wires.disconnect({ id: 'reconcile', path });
}
