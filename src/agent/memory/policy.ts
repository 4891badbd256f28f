import { join } from 'node:path';
import type { Native } from '../../native/types.js';
import type { Faults } from '../faults.js';
import { readText } from './sysfs.js';

const WRITE_MS = 5_000;

/** Places of a change of the policy, for src/agent/faults.ts. */
export const POLICY_POINTS = [
  'policy.noted',
  'policy.off',
  'policy.added',
  'policy.restored',
] as const;

type Writer = Pick<Native, 'writeWithDeadline'>;

function policyPath(sysfs: string): string {
  return join(sysfs, 'devices/system/memory/auto_online_blocks');
}

/** What the kernel does with new memory: "offline", "online", "online_kernel", "online_movable". */
export function readPolicy(sysfs: string): string | undefined {
  return readText(policyPath(sysfs));
}

/** Told before the policy is changed (with what it was) and after it is as before (null). */
export type PolicyNote = (saved: string | null) => Promise<void>;

/**
 * Runs `add` with the kernel's own onlining off: memory that onlines itself may join a kernel zone,
 * out of which it can never be removed. The policy is as before afterwards, also on failure.
 * `note` makes the change known where a crash in between can be mended.
 */
export async function withPolicyOffline(
  native: Writer,
  sysfs: string,
  note: PolicyNote,
  add: () => Promise<void>,
  faults?: Faults,
): Promise<void> {
  const saved = readPolicy(sysfs);
  if (saved === undefined || saved === 'offline') return add();
  await note(saved);
  await faults?.at('policy.noted');
  try {
    await native.writeWithDeadline(policyPath(sysfs), 'offline', WRITE_MS);
    await faults?.at('policy.off');
    await add();
    await faults?.at('policy.added');
  } finally {
    await native.writeWithDeadline(policyPath(sysfs), saved, WRITE_MS);
    await faults?.at('policy.restored');
    await note(null);
  }
}

/**
 * Puts back what an agent that was killed within an add had noted. Left as it is if someone has
 * chosen a policy since.
 * @returns whether it was put back.
 */
export async function restorePolicy(
  native: Writer,
  sysfs: string,
  saved: string,
): Promise<boolean> {
  if (readPolicy(sysfs) !== 'offline') return false;
  await native.writeWithDeadline(policyPath(sysfs), saved, WRITE_MS);
  return true;
}
