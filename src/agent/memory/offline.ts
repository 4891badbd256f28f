import { hex } from '../../abi/codec.js';
import { SdmError } from '../../common/errors.js';
import type { Native } from '../../native/types.js';
import { blocksOf, blockState, blockStatePath, type Range } from './blocks.js';
import { codeOf, errnoOf, messageOf } from './errors.js';
import type { OfflineFailure } from './window.js';

/**
 * Takes every block of a range offline, one by one. The kernel tries for as long as it takes, so
 * the deadline works by a signal. Blocks that are offline or gone are passed over.
 * @param timeoutMs for all blocks together.
 * @param explain finds out why the kernel refused a block.
 * @throws SDM_OFFLINE_REFUSED with block, errno and reason; blocks before that one are offline.
 */
export async function offlineBlocks(
  native: Pick<Native, 'writeWithDeadline'>,
  sysfs: string,
  range: Range,
  blockSize: bigint,
  timeoutMs: number,
  explain: (block: number) => Promise<OfflineFailure | undefined>,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (const block of blocksOf(range, blockSize)) {
    const left = Math.max(1, Math.ceil(deadline - performance.now()));
    try {
      await native.writeWithDeadline(blockStatePath(sysfs, block), 'offline', left);
    } catch (error) {
      const state = blockState(sysfs, block);
      if (state === 'offline' || state === undefined) continue;
      throw refusal(block, blockSize, timeoutMs, error, await explain(block));
    }
  }
}

function refusal(
  block: number,
  blockSize: bigint,
  timeoutMs: number,
  cause: unknown,
  known: OfflineFailure | undefined,
): SdmError {
  const start = hex(BigInt(block) * blockSize);
  const timedOut = codeOf(cause) === 'SDM_TIMEOUT';
  const errno = timedOut ? 'EINTR' : (errnoOf(cause) ?? null);
  const reason = known?.reason ?? (timedOut ? 'deadline' : 'unknown');
  const what = timedOut ? ` within ${timeoutMs} ms` : `: ${messageOf(cause)}`;
  return new SdmError(
    'SDM_OFFLINE_REFUSED',
    `memory block ${block} at ${start} could not be taken offline${what}; reason: ${reason}` +
      `${known === undefined ? '' : ` (${known.line})`}. Free or unpin what lies there: ` +
      '/proc/PID/numa_maps shows who uses the node',
    { details: { block, start, errno, reason, ...(known && { failure: known.line }) }, cause },
  );
}
