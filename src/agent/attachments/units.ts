import { formatSize } from '../../common/units.js';
import type { PlacementSpace } from './placement.js';
import type { NormalRequest } from './record.js';

/** What the kernel and mmap() can handle at all. */
const PAGE = 4096n;

/** What the kernel needs, whatever the registers take: a page, or a memory block. */
function leastUnit(
  { mode }: Pick<NormalRequest, 'mode'>,
  { blockSize }: Pick<PlacementSpace, 'blockSize'>,
): bigint {
  return mode === 'system-ram' ? (blockSize ?? PAGE) : PAGE;
}

/** What ranges that we choose are multiples of, bytes. */
export function ownUnit(
  request: Pick<NormalRequest, 'mode'>,
  space: Pick<PlacementSpace, 'info' | 'blockSize'>,
): bigint {
  const least = leastUnit(request, space);
  return space.info.granule > least ? space.info.granule : least;
}

/** What a size, and a local address that is asked for, must be a multiple of, bytes. */
export function unitOf(
  request: Pick<NormalRequest, 'mode'>,
  space: Pick<PlacementSpace, 'info' | 'blockSize' | 'checks'>,
): bigint {
  const least = leastUnit(request, space);
  return space.checks?.alignment === false ? least : ownUnit(request, space);
}

/** Where the kernel's memory block says what the unit is: so, and why it is as large as that. */
export function blockText(
  request: Pick<NormalRequest, 'mode'>,
  space: Pick<PlacementSpace, 'info' | 'blockSize' | 'pageSize' | 'checks'>,
): string {
  const { blockSize, pageSize } = space;
  if (request.mode !== 'system-ram' || blockSize !== unitOf(request, space)) return '';
  const pages = pageSize === undefined ? '' : `, with its pages of ${formatSize(BigInt(pageSize))}`;
  return ` (a memory block of this kernel${pages})`;
}
