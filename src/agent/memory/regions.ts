import { hex } from '../../abi/codec.js';
import { SdmError } from '../../common/errors.js';
import type { RegionState } from '../types.js';
import type { Range } from './blocks.js';
import { errnoOf, messageOf } from './errors.js';
import type { WindowCommand, WindowModule } from './window.js';

/** For commands that only change tables. */
export const COMMAND_MS = 30_000;
/** For commands that touch every byte: a base and a part per GiB, far above what was measured. */
const BULK_BASE_MS = 60_000;
const BULK_MS_PER_GIB = 20_000;

/** These touch every line of the caches, or look at every page. */
const BULK: ReadonlySet<WindowCommand> = new Set([
  ...(['add', 'hmem', 'expose'] as const),
  ...(['scrub', 'verify', 'flush', 'explain'] as const),
]);

/** For commands that look at every byte, milliseconds. */
export function bulkMs(range: Range): number {
  return Math.ceil(BULK_BASE_MS + (Number(range.size >> 20n) / 1024) * BULK_MS_PER_GIB);
}

export function rangeText({ start, size }: Range): string {
  return `${hex(start)}-${hex(start + size - 1n)}`;
}

/**
 * A command whose outcome is a state of the region. One that is there already is a success, and not
 * asked for: the module would complain in the kernel's log.
 * @param wanted undefined: no region.
 * @param extra words after start and size, with a space before each.
 * @throws SDM_KERNEL_REFUSED with the module's own sentence.
 */
export async function reach(
  module: WindowModule,
  command: WindowCommand,
  range: Range,
  wanted: RegionState | undefined,
  extra: string = '',
): Promise<void> {
  const there = (): boolean => {
    const region = module.region(range);
    // what was never claimed is as absent as can be
    const gone = wanted === 'absent' && region === undefined && command !== 'claim';
    return region?.state === wanted || gone;
  };
  if (there()) return;
  try {
    await runCommand(module, command, range, extra);
  } catch (error) {
    if (!there()) throw error;
  }
}

/** @throws SDM_KERNEL_REFUSED with the module's own sentence. */
export async function runCommand(
  module: WindowModule,
  command: WindowCommand,
  range: Range,
  extra: string = '',
): Promise<void> {
  const timeoutMs = BULK.has(command) ? bulkMs(range) : COMMAND_MS;
  const text = `${hex(range.start)} ${hex(range.size)}${extra}`;
  try {
    await module.command(command, text, timeoutMs);
  } catch (cause) {
    const errno = errnoOf(cause) ?? null;
    const reason = module.why(command, text) ?? messageOf(cause);
    throw new SdmError(
      'SDM_KERNEL_REFUSED',
      `sdmc_mem refused: ${reason}${errno === null ? '' : ` (${errno})`}`,
      { details: { command, start: hex(range.start), errno, reason }, cause },
    );
  }
}
