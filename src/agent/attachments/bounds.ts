import { hex } from '../../abi/codec.js';
import { SdmError } from '../../common/errors.js';
import type { RegisterBlockInfo } from '../../native/types.js';
import type { Pool } from '../backend/types.js';
import type { Share } from '../types.js';
import type { NormalRequest } from './record.js';
import { inOrder, spanText, within, type Span } from './spans.js';

/** What bounds an attachment, whatever is in use. */
export interface Bounds {
  readonly info: RegisterBlockInfo;
  /** Bytes; undefined where there is no pool, whose end then bounds nothing. */
  readonly poolSize: bigint | undefined;
  /** Of the pool, where there is one. A remote one has no header: it is what each memory brick has. */
  readonly poolKind?: Pool['kind'] | undefined;
  readonly shares: readonly Share[];
}

/** Where remote addresses end: what the block reaches, and the pool has. */
function limitOf({ info, poolSize }: Pick<Bounds, 'info' | 'poolSize'>): bigint {
  return poolSize !== undefined && poolSize < info.remoteSize ? poolSize : info.remoteSize;
}

/** The shares to choose from, cut to what the pool and the block reach; never the pool's header. */
export function spans(request: NormalRequest, space: Bounds): readonly Span[] {
  const { granule } = space.info;
  const limit = limitOf(space);
  const cut = space.shares
    .filter((share) => share.shared === request.shared)
    .map((share) => ({
      start: share.start < granule ? granule : share.start,
      end: share.start + share.size < limit ? share.start + share.size : limit,
    }))
    .filter((span) => span.start < span.end);
  return inOrder(cut);
}

/** @throws SDM_NOT_OURS where [remote, remote + size) touches the pool's header. */
function checkHeader(named: string, remote: bigint, granule: bigint): void {
  if (remote >= granule) return;
  throw new SdmError(
    'SDM_NOT_OURS',
    `${named} touches the header of the pool, which is never lent: the first ${hex(granule)} bytes`,
  );
}

/** @throws SDM_NOT_OURS unless [remote, remote + size) lies in the pool. */
export function checkInPool(
  remote: bigint,
  request: NormalRequest,
  space: Pick<Bounds, 'info' | 'poolSize' | 'poolKind'>,
): void {
  const asked = { start: remote, end: remote + request.size };
  const named = `remote ${spanText(asked)}`;
  if (space.poolKind !== 'remote') checkHeader(named, remote, space.info.granule);
  const limit = limitOf(space);
  if (asked.end <= limit) return;
  throw new SdmError(
    'SDM_NOT_OURS',
    `${named} ends behind the pool, which has ${hex(limit)} bytes`,
    {
      details: { remote: hex(remote), size: hex(request.size), poolSize: hex(limit) },
    },
  );
}

/** @throws SDM_NOT_OURS unless [remote, remote + size) lies in a share, and in the pool. */
export function checkInShares(remote: bigint, request: NormalRequest, space: Bounds): void {
  const asked = { start: remote, end: remote + request.size };
  const named = `remote ${spanText(asked)}`;
  checkHeader(named, remote, space.info.granule);
  const inside = spans(request, space);
  if (!inside.some((span) => within(asked, span))) {
    const list = inside.map(spanText).join(', ');
    throw new SdmError(
      'SDM_NOT_OURS',
      `${named} is not in ${request.shared ? 'a shared share' : 'an own share'} of this brick; ` +
        `these are: ${list === '' ? 'none' : list}`,
      { details: { remote: hex(remote), size: hex(request.size) } },
    );
  }
}

/** @throws SDM_INPUT unless [start, start + size) lies in the window. */
export function checkInWindow(
  start: bigint,
  request: NormalRequest,
  { info: { windowBase, windowSize } }: Pick<Bounds, 'info'>,
): void {
  const window = { start: windowBase, end: windowBase + windowSize };
  const asked = { start, end: start + request.size };
  const named = `start ${spanText(asked)}`;
  if (!within(asked, window)) {
    throw new SdmError(
      'SDM_INPUT',
      `${named} is not in the window of this brick, ${spanText(window)}`,
      { details: { start: hex(start), size: hex(request.size), window: hex(windowBase) } },
    );
  }
}
