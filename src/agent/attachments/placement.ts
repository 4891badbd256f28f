import { hasFeature, hex } from '../../abi/codec.js';
import { SdmError } from '../../common/errors.js';
import { formatSize } from '../../common/units.js';
import type { RegisterBlockInfo } from '../../native/types.js';
import type { Share } from '../types.js';
import type { NormalRequest } from './record.js';

/** [start, end) in bytes: half open, so that lengths and neighbours need no ±1. */
export interface Span {
  readonly start: bigint;
  readonly end: bigint;
  /** That leads there, where the range is one in use. */
  readonly memport?: number;
}

/** What is in use and where something new may go. */
export interface PlacementSpace {
  readonly info: RegisterBlockInfo;
  /** Bytes; undefined where there is no pool, whose end then bounds nothing. */
  readonly poolSize: bigint | undefined;
  readonly shares: readonly Share[];
  /** Memory block for system-ram, bytes; undefined where there is none. */
  readonly blockSize: bigint | undefined;
  /** Local and remote ranges in use: of set memports, attachments and the kernel's regions. */
  readonly local: readonly Span[];
  readonly remote: readonly Span[];
}

export interface Placement {
  readonly start: bigint;
  readonly remote: bigint;
}

const PAGE = 4096n;

function alignUp(value: bigint, unit: bigint): bigint {
  return ((value + unit - 1n) / unit) * unit;
}

function overlaps(a: Span, b: Span): boolean {
  return a.start < b.end && b.start < a.end;
}

/** First multiple of `unit` (counted from -`shift`) at which `size` bytes fit into `into`. */
function firstFit(
  into: Span,
  size: bigint,
  unit: bigint,
  taken: readonly Span[],
  shift = 0n,
): bigint | undefined {
  const inOrder = taken.filter((span) => overlaps(span, into));
  inOrder.sort((a, b) => (a.start < b.start ? -1 : 1));
  let at = alignUp(into.start + shift, unit) - shift;
  for (const span of inOrder) {
    if (at + size <= span.start) break;
    if (span.end > at) at = alignUp(span.end + shift, unit) - shift;
  }
  return at + size <= into.end ? at : undefined;
}

/** What sizes and addresses of an attachment are multiples of, bytes. */
export function unitOf(
  request: Pick<NormalRequest, 'mode'>,
  space: Pick<PlacementSpace, 'info' | 'blockSize'>,
): bigint {
  const least = request.mode === 'system-ram' ? (space.blockSize ?? PAGE) : PAGE;
  return space.info.granule > least ? space.info.granule : least;
}

/**
 * Chooses where an attachment lies. First fit in the brick's shares (the shared ones where it asks
 * for `shared`), or exactly where the request says.
 * @throws SDM_INPUT (size, alignment), SDM_NOT_OURS, SDM_RANGE_TAKEN, SDM_NO_SPACE.
 */
export function place(request: NormalRequest, space: PlacementSpace): Placement {
  const unit = unitOf(request, space);
  checkSize(request, unit);
  return hasFeature(space.info.features, 'translation')
    ? placeTranslated(request, space, unit)
    : placeIdentical(request, space, unit);
}

function checkSize(request: NormalRequest, unit: bigint): void {
  if (request.mode === 'system-ram' && request.shared) {
    throw new SdmError(
      'SDM_INPUT',
      'a shared range cannot become system RAM, since every brick would use it as its own: attach ' +
        'it with mode device',
    );
  }
  if (request.size > 0n && request.size % unit === 0n) return;
  throw new SdmError(
    'SDM_INPUT',
    `size is ${hex(request.size)}; mode ${request.mode} needs a multiple of ${formatSize(unit)} ` +
      'here, and not zero',
    { details: { size: hex(request.size), unit: hex(unit) } },
  );
}

/** The shares to choose from, cut to what the pool and the block reach; never the pool's header. */
function spans(request: NormalRequest, space: PlacementSpace): Span[] {
  const { granule, remoteSize } = space.info;
  const { poolSize } = space;
  const limit = poolSize !== undefined && poolSize < remoteSize ? poolSize : remoteSize;
  return space.shares
    .filter((share) => share.shared === request.shared)
    .map((share) => ({
      start: share.start < granule ? granule : share.start,
      end: share.start + share.size < limit ? share.start + share.size : limit,
    }))
    .filter((span) => span.start < span.end)
    .sort((a, b) => (a.start < b.start ? -1 : 1));
}

function noSpace(request: NormalRequest, space: PlacementSpace, why: string): SdmError {
  const kind = request.shared ? 'shared' : 'own';
  const shares = space.shares.filter((share) => share.shared === request.shared);
  const details = { size: hex(request.size), shares: shares.length };
  if (shares.length === 0) {
    const none = space.shares.length === 0 ? 'no shares' : `no ${kind} shares`;
    return new SdmError(
      'SDM_NO_SPACE',
      `this agent has ${none}: add ${request.shared ? 'one with "shared": true' : 'them'} to ` +
        '`shares` in its configuration, and start it again',
      { details },
    );
  }
  const total = shares.reduce((sum, share) => sum + share.size, 0n);
  return new SdmError(
    'SDM_NO_SPACE',
    `no ${formatSize(request.size)} in one piece is free ${why}; this brick's ${kind} shares have ` +
      `${formatSize(total)} in all: ask for less, or detach something (\`sdm-agent list\`)`,
    { details },
  );
}

/** @throws unless [remote, remote + size) lies in a share, is aligned and is free. */
function checkExplicit(
  remote: bigint,
  request: NormalRequest,
  space: PlacementSpace,
  unit: bigint,
): void {
  const asked = { start: remote, end: remote + request.size };
  const named = `remote ${hex(asked.start)}-${hex(asked.end - 1n)}`;
  const { granule } = space.info;
  if (remote % (unit < granule ? unit : granule) !== 0n) {
    throw new SdmError('SDM_INPUT', `${named} does not start at a multiple of ${hex(granule)}`);
  }
  if (remote < granule) {
    throw new SdmError(
      'SDM_NOT_OURS',
      `${named} touches the header of the pool, which is never lent: the first ${hex(granule)} bytes`,
    );
  }
  const inside = spans(request, space);
  if (!inside.some((span) => span.start <= asked.start && asked.end <= span.end)) {
    const list = inside.map((span) => `${hex(span.start)}-${hex(span.end - 1n)}`).join(', ');
    throw new SdmError(
      'SDM_NOT_OURS',
      `${named} is not in ${request.shared ? 'a shared share' : 'an own share'} of this brick; ` +
        `these are: ${list === '' ? 'none' : list}`,
      { details: { remote: hex(remote), size: hex(request.size) } },
    );
  }
  const clash = space.remote.find((span) => overlaps(span, asked));
  if (clash !== undefined) throw taken(named, clash);
}

function taken(named: string, clash: Span): SdmError {
  const { memport } = clash;
  const by = memport === undefined ? 'the kernel (sdmc_mem)' : `memport ${memport}`;
  return new SdmError(
    'SDM_RANGE_TAKEN',
    `${named} overlaps ${hex(clash.start)}-${hex(clash.end - 1n)}, which ${by} has in use ` +
      '(`sdm-agent list`, `sdm-agent memport list`)',
    {
      details: {
        start: hex(clash.start),
        end: hex(clash.end - 1n),
        ...(memport === undefined ? {} : { memport }),
      },
    },
  );
}

/** remote = start - base: one choice settles both. */
function placeIdentical(request: NormalRequest, space: PlacementSpace, unit: bigint): Placement {
  const { windowBase, windowSize, granule } = space.info;
  if (windowBase % granule !== 0n) {
    throw new SdmError(
      'SDM_CONFIG',
      `the window starts at ${hex(windowBase)}, which is no multiple of the granule ${hex(granule)}`,
    );
  }
  const at = (remote: bigint): Placement => ({ start: windowBase + remote, remote });
  const local = space.local.map((span) => ({
    ...span,
    start: span.start - windowBase,
    end: span.end - windowBase,
  }));
  if (request.remote !== undefined) {
    checkExplicit(request.remote, request, space, unit);
    const asked = { start: request.remote, end: request.remote + request.size };
    const clash = local.find((span) => overlaps(span, asked));
    if (clash !== undefined) throw taken(`remote ${hex(request.remote)}`, clash);
    if ((windowBase + request.remote) % unit !== 0n || asked.end > windowSize) {
      throw new SdmError(
        'SDM_INPUT',
        `remote ${hex(request.remote)} would appear at ${hex(windowBase + request.remote)}, which ` +
          `mode ${request.mode} cannot use: it needs a multiple of ${hex(unit)} in the window`,
      );
    }
    return at(request.remote);
  }
  const inUse = [...space.remote, ...local];
  for (const span of spans(request, space)) {
    const into = { start: span.start, end: span.end < windowSize ? span.end : windowSize };
    const remote = firstFit(into, request.size, unit, inUse, windowBase);
    if (remote !== undefined) return at(remote);
  }
  throw noSpace(request, space, `at a multiple of ${formatSize(unit)}`);
}

/** The window and the pool are filled independently. */
function placeTranslated(request: NormalRequest, space: PlacementSpace, unit: bigint): Placement {
  const { windowBase, windowSize, granule } = space.info;
  const window = { start: windowBase, end: windowBase + windowSize };
  const start = firstFit(window, request.size, unit, space.local);
  if (start === undefined) throw noSpace(request, space, 'in the window');
  if (request.remote !== undefined) {
    checkExplicit(request.remote, request, space, granule);
    return { start, remote: request.remote };
  }
  for (const span of spans(request, space)) {
    const remote = firstFit(span, request.size, granule, space.remote);
    if (remote !== undefined) return { start, remote };
  }
  throw noSpace(request, space, `at a multiple of ${formatSize(granule)}`);
}
