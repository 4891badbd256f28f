import { hex } from '../../abi/codec.js';
import { SdmError } from '../../common/errors.js';
import type { Native } from '../../native/types.js';
import { waitWritable } from './access.js';
import { blocksOf, blockState, blockStatePath, blockZones, type Range } from './blocks.js';
import { errnoOf, messageOf } from './errors.js';

/** One block; the kernel only initialises pages, so this is a bound and not an expectation. */
const ONLINE_MS = 30_000;

/**
 * Onlines every block of a range in the movable zone and checks each one's zone. Blocks that are
 * there already are left: the write comes first, since almost always it succeeds, and only after a
 * refusal the block is looked at.
 * @throws SDM_KERNEL_REFUSED with block, errno and zone.
 */
export async function onlineBlocks(
  native: Pick<Native, 'writeWithDeadline'>,
  sysfs: string,
  range: Range,
  blockSize: bigint,
): Promise<void> {
  for (const block of blocksOf(range, blockSize)) {
    let refused: unknown;
    try {
      await waitWritable(blockStatePath(sysfs, block));
      await native.writeWithDeadline(blockStatePath(sysfs, block), 'online_movable', ONLINE_MS);
    } catch (error) {
      refused = error;
    }
    const zones = blockZones(sysfs, block);
    if (zones === 'Movable') continue;
    throw refusal(block, blockSize, zones, blockState(sysfs, block), refused);
  }
}

function refusal(
  block: number,
  blockSize: bigint,
  zones: string | undefined,
  state: string | undefined,
  cause: unknown,
): SdmError {
  const start = hex(BigInt(block) * blockSize);
  const found =
    state === undefined
      ? 'the kernel has no such block'
      : `it is ${state}, in ${zones === undefined || zones === '' ? 'no zone' : `zone ${zones}`}`;
  const why = cause === undefined ? '' : ` (${messageOf(cause)})`;
  return new SdmError(
    'SDM_KERNEL_REFUSED',
    `memory block ${block} at ${start} did not come online in the movable zone: ${found}${why}`,
    { details: { block, start, errno: errnoOf(cause) ?? null, zones: zones ?? null }, cause },
  );
}
