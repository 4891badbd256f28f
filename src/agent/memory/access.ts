import { accessSync, constants } from 'node:fs';
import { SdmError } from '../../common/errors.js';
import { waitFor } from '../../common/wait.js';

/** A rule of udev is applied in milliseconds; a machine in trouble may take longer. */
const RULE_MS = 15_000;
const LOOK_MS = 5;

/**
 * Waits until this process may write a file that the kernel has just made. An agent that is not root
 * is given it by a rule of udev, which runs beside us. Root never waits; a file that is missing is
 * left to whoever opens it.
 * @throws SDM_TIMEOUT with the rule to look at.
 */
export async function waitWritable(path: string, timeoutMs: number = RULE_MS): Promise<void> {
  if (mayWrite(path)) return;
  const look = (): true | undefined => (mayWrite(path) ? true : undefined);
  try {
    await waitFor(`the right to write ${path}`, look, { timeoutMs, intervalMs: LOOK_MS });
  } catch (error) {
    if (!(error instanceof SdmError) || error.code !== 'SDM_TIMEOUT') throw error;
    throw new SdmError(
      'SDM_TIMEOUT',
      `user ${process.getuid?.()} was not given the right to write ${path} within ${timeoutMs} ms; ` +
        'a rule of udev does that: see "sdm-agent service status", or run the agent as root',
      { details: { path, timeoutMs }, cause: error },
    );
  }
}

/** Whether this process may write a file; one that is missing is left to whoever opens it. */
export function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EACCES';
  }
}
