import { join } from 'node:path';
import type { Native } from '../../native/types.js';
import { readText } from './sysfs.js';

const WRITE_MS = 5_000;

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
  native: Pick<Native, 'writeWithDeadline'>,
  sysfs: string,
  note: PolicyNote,
  add: () => Promise<void>,
): Promise<void> {
  const saved = readPolicy(sysfs);
  if (saved === undefined || saved === 'offline') return add();
  await note(saved);
  try {
    await native.writeWithDeadline(policyPath(sysfs), 'offline', WRITE_MS);
    await add();
  } finally {
    await native.writeWithDeadline(policyPath(sysfs), saved, WRITE_MS);
    await note(null);
  }
}
