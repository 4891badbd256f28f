import { SdmError } from '../../common/errors.js';
import { parseBrickId } from '../inventory/brick-id.js';
import type { BrickId, PlatformRecord } from '../records.js';
import { isPassing } from '../synthesizer/retry.js';
import type { FenceOptions } from '../types.js';
import type { Who } from '../views.js';
import { readAgent } from './agent.js';
import type { Context } from './context.js';
import { readSwitch } from './switch.js';

/** What may show that a brick reaches no remote memory: a proof as a sentence, or why it is none. */
type Proof = { readonly proof: string } | { readonly not: string };

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Its agent says that no memport is set, and that it has nothing that it might set one for.
 * @throws SDM_CONFLICT if it answers and has some: such a brick is not to be fenced but released.
 */
async function byAgent(context: Context, id: BrickId): Promise<Proof> {
  const address = context.parts.site.computes.get(id)?.address;
  if (address === undefined) return { not: 'it has no agent' };
  try {
    const { attachments, memports } = await readAgent(context, address);
    const set = memports.filter((each) => each.set).map(({ port }) => port);
    const has = attachments.map((each) => each.id);
    if (set.length === 0 && has.length === 0) {
      return { proof: 'its agent says that no memport is set' };
    }
    const what =
      set.length > 0 ? `its memports ${set.join(', ')} are set` : `it has ${has.join(', ')}`;
    throw new SdmError(
      'SDM_CONFLICT',
      `brick ${id} answers, and ${what}: release its platforms instead`,
      { details: { brick: id, memports: set, attachments: has } },
    );
  } catch (error) {
    if (!isPassing(error)) throw error;
    return { not: `its agent does not answer (${reason(error)})` };
  }
}

/** The dBMC of its tray says that it is off. @param act switch it off first. */
async function byPower({ parts, options }: Context, id: BrickId, act: boolean): Promise<Proof> {
  const address = parts.dbmcOf(id);
  if (address === undefined) return { not: 'no dBMC tells about its power' };
  const key = parseBrickId(id);
  const call = { timeoutMs: options.lookMs, retryMs: 0, look: true } as const;
  try {
    if (act) {
      const path = '/api/dbrick/switchoff';
      await parts.daemons.call(address, { ...call, method: 'POST', path, body: key });
    }
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(key)) query.set(name, String(value));
    const path = `/api/dbrick/ison?${query.toString()}`;
    const answer = await parts.daemons.call(address, { ...call, method: 'GET', path });
    if ((answer as { readonly isOn: boolean }).isOn) return { not: 'its dBMC says that it is on' };
    return { proof: `its dBMC says that it is off${act ? ', after we switched it off' : ''}` };
  } catch (error) {
    return { not: `its dBMC does not help (${reason(error)})` };
  }
}

/** None of its paths is connected: we disconnect them, and read that back. */
async function byPorts(context: Context, id: BrickId): Promise<Proof> {
  const { port, parts } = context;
  const programmed = (name: string): boolean =>
    parts.site.switches.get(name)?.address !== undefined;
  const platforms = platformsOn(context, id);
  const cut = new Map<string, Set<string>>();
  for (const { attachments } of platforms) {
    for (const { id: attachment, path } of attachments) {
      const first = path.hops.find((hop) => programmed(hop.switch));
      if (first === undefined)
        return { not: `no switch that we set is on the path of ${attachment}` };
      const pair = [first.in, first.out].sort((a, b) => a - b).join('-');
      cut.set(first.switch, (cut.get(first.switch) ?? new Set()).add(pair));
    }
  }
  try {
    for (const platform of platforms) {
      await port.turn(platform.id, async ({ attachments }) => {
        await Promise.all(attachments.map((each) => parts.wires.disconnect(each)));
      });
    }
    for (const [name, pairs] of cut) {
      const left = (await readSwitch(context, name)).map((pair) => pair.join('-'));
      const still = left.find((pair) => pairs.has(pair));
      if (still !== undefined) return { not: `ports ${still} of ${name} are still connected` };
    }
  } catch (error) {
    return { not: `its ports could not be disconnected (${reason(error)})` };
  }
  return { proof: 'the ports of all of its paths read as disconnected' };
}

export function platformsOn({ port }: Context, id: BrickId): PlatformRecord[] {
  return [...port.platforms.values()].filter(({ brick }) => brick === id);
}

/** Resolves when what is under way for its platforms now has ended. None begins where a brick is out. */
export async function turnsOf(context: Context, id: BrickId): Promise<void> {
  const { port } = context;
  await Promise.all(platformsOn(context, id).map((each) => port.turn(each.id, async () => {})));
}

/**
 * A proof that needs nothing to be done: it came by itself. Of a brick that is lost.
 * @returns whether it is fenced by that.
 */
export async function passiveProof(
  context: Context,
  id: BrickId,
  fenced: (proof: string) => Promise<void>,
): Promise<boolean> {
  const { fencing } = context;
  if (fencing.has(id)) return false;
  fencing.add(id);
  try {
    // a question first: nobody is waited for where it is on
    if (!('proof' in (await byPower(context, id, false)))) return false;
    await turnsOf(context, id);
    const found = await byPower(context, id, false);
    if (!('proof' in found)) return false;
    await fenced(found.proof);
    return true;
  } finally {
    fencing.delete(id);
  }
}

/**
 * Shows that a compute brick reaches no remote memory; what is done for it goes from mild to harsh. What
 * is under way there has ended when the first proof is looked for, and nothing begins any more.
 * @param takeOut marks it as lost: its paths stay as they are disconnected, and nothing new goes there.
 * @returns the proof.
 * @throws SDM_INPUT (no compute brick, none with an agent), SDM_CONFLICT (it answers, and has memory),
 *   SDM_NOT_FENCED.
 */
export async function proveFenced(
  context: Context,
  id: BrickId,
  { confirmed }: FenceOptions,
  who: Who,
  takeOut: () => Promise<void>,
): Promise<string> {
  const { computes } = context.parts.site;
  if (!computes.has(id)) {
    throw new SdmError(
      'SDM_INPUT',
      `brick ${id} is no compute brick: only one that borrows memory can be fenced`,
      { details: { brick: id } },
    );
  }
  if (computes.get(id)!.address === undefined) {
    throw new SdmError(
      'SDM_INPUT',
      `brick ${id} has no agent: nothing is programmed there, and its platforms can be released as it ` +
        `is; \`sdm brick drain ${id}\` keeps it free`,
      { details: { brick: id } },
    );
  }
  await byAgent(context, id); // refused where it is in use, and all goes on as it was
  await takeOut();
  await turnsOf(context, id);
  const tries: (() => Promise<Proof>)[] = [
    () => byAgent(context, id),
    () => byPower(context, id, false),
    async () =>
      confirmed === true
        ? { proof: `${who.name} has confirmed that it is off` }
        : { not: 'nobody has confirmed that it is off' },
    () => byPorts(context, id),
    () => byPower(context, id, true),
  ];
  const reasons = new Set<string>();
  for (const attempt of tries) {
    const found = await attempt();
    if ('proof' in found) return found.proof;
    reasons.add(found.not);
  }
  throw new SdmError(
    'SDM_NOT_FENCED',
    `nothing shows that brick ${id} reaches no remote memory: ${[...reasons].join('; ')}. Switch it off, ` +
      `and say so: \`sdm brick fence ${id} --confirmed\``,
    { details: { brick: id, reasons: [...reasons] } },
  );
}
