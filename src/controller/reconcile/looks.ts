import { SdmError } from '../../common/errors.js';
import { isPassing } from '../synthesizer/retry.js';
import { lookAtAgent } from './agent.js';
import type { Context } from './context.js';
import type { Drift } from './drift.js';
import { passiveProof, platformsOn, turnsOf } from './fence.js';
import { lookAtLender } from './lender.js';
import type { BrickLiveness } from './liveness.js';
import { lookAtSwitch } from './switch.js';
import type { SwitchesLiveness } from './switch-liveness.js';
import { keyOf, type Wanted } from './targets.js';
import type { DriftDone, Finding, Target } from './types.js';

const LOOKS = { agent: lookAtAgent, lender: lookAtLender, switch: lookAtSwitch };

/** Repairs of one place at a time: a daemon takes a few at once, and others wait for it too. */
const REPAIRS_AT_ONCE = 4;

export interface LookParts {
  readonly context: Context;
  readonly drift: Drift;
  readonly liveness: BrickLiveness;
  readonly switches: SwitchesLiveness;
}

/** How a look ended. */
export interface Looked {
  readonly answered: boolean;
  /** It was let in again: what it should have is brought to it by the next look, at once. */
  readonly back: boolean;
  /** Whether it is to be let in is known when it was looked at again, at once. */
  readonly again: boolean;
}

/** Asks a daemon what it has, puts right what is ours, and notes the rest. Never throws. */
export async function look(
  { context, drift, liveness, switches }: LookParts,
  target: Target,
  wanted: Wanted,
): Promise<Looked> {
  const where = keyOf(target);
  const brick = target.kind !== 'switch';
  let findings: Finding[];
  try {
    findings = await LOOKS[target.kind](context, target, wanted.at(target));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    drift.replace(where, [{ what: 'does not answer', done: 'waiting' }]);
    if (brick) await silent(context, liveness, target.id, why);
    else switches.silent(target.id);
    return { answered: false, back: false, again: false };
  }
  if (brick) liveness.answered(target.id);
  else switches.answered(target.id);
  const record = brick ? context.port.brickRecord(target.id) : undefined;
  const out = record?.lost !== undefined || record?.fenced !== undefined;
  // Until it is let in again only what bars that is put right.
  const now = out ? findings.filter(({ bars }) => bars) : findings;
  const done = await repairAll(context, target, now);
  drift.replace(
    where,
    findings.map((finding) => ({
      what: finding.what,
      done: done.get(finding) ?? (finding.repair === undefined ? 'reported' : 'waiting'),
    })),
  );
  if (
    !out ||
    context.fencing.has(target.id) ||
    now.some((finding) => done.get(finding) !== 'repaired')
  ) {
    return { answered: true, back: false, again: false };
  }
  if (record?.fenced === undefined) {
    return { answered: true, back: await liveness.back(target.id), again: false };
  }
  // What was released while it was fenced was not asked of it. So it is asked from now on, what began
  // before that ends, and only what it says then counts.
  await liveness.answersAgain(target.id);
  await turnsOf(context, target.id);
  return { answered: true, back: false, again: true };
}

async function silent(
  context: Context,
  liveness: BrickLiveness,
  id: string,
  why: string,
): Promise<void> {
  const { port, parts } = context;
  try {
    await liveness.silent(id, why);
    const record = port.brickRecord(id);
    if (record?.lost === undefined || record.fenced !== undefined) return;
    // Who wants its memory back waits for a proof; one that comes by itself is taken.
    const waits = platformsOn(context, id).some(({ state }) => state !== 'active');
    if (waits) await passiveProof(context, id, (proof) => liveness.fenced(id, proof));
  } catch (error) {
    parts.log.warn({ err: error, brick: id }, 'a brick that does not answer could not be noted');
  }
}

async function repairAll(
  { parts }: Context,
  target: Target,
  findings: readonly Finding[],
): Promise<Map<Finding, DriftDone>> {
  const done = new Map<Finding, DriftDone>();
  const left = findings.filter(({ repair }) => repair !== undefined);
  const worker = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const { what } = next;
      try {
        await next.repair!();
        done.set(next, 'repaired');
        parts.log.info({ where: keyOf(target), what }, 'repaired');
      } catch (error) {
        done.set(next, 'waiting');
        // What does not answer is seen by its own look; a refusal is news.
        const level = isPassing(error) || ends(error) ? 'info' : 'warn';
        parts.log[level]({ err: error, where: keyOf(target), what }, 'not repaired yet');
      }
    }
  };
  await Promise.all(Array.from({ length: REPAIRS_AT_ONCE }, worker));
  return done;
}

/** The controller ends: nothing that is said about a daemon. */
function ends(error: unknown): boolean {
  return (
    error instanceof SdmError && ['SDM_STORE', 'SDM_STOPPING', 'SDM_CLOSED'].includes(error.code)
  );
}
