import { hasFeature, hex } from '../../abi/codec.js';
import { SdmError } from '../../common/errors.js';
import { formatSize } from '../../common/units.js';
import type { Checks } from '../types.js';
import { checkInPool, checkInShares, checkInWindow, spans, type Bounds } from './bounds.js';
import type { NormalRequest } from './record.js';
import { areApart, firstFit, overlaps, spanText, type Span } from './spans.js';
import { blockText, ownUnit, unitOf } from './units.js';

export type { Span } from './spans.js';

/** What is in use and where something new may go. */
export interface PlacementSpace extends Bounds {
  /** Whether a controller asks: a remote that it names is its decision, whatever the shares are. */
  readonly controller?: boolean | undefined;
  /** Memory block for system-ram, bytes; undefined where there is none. */
  readonly blockSize: bigint | undefined;
  /** Of the kernel, bytes, which memory blocks go by; undefined where it is not known. */
  readonly pageSize?: number | undefined;
  /** Local and remote ranges in use: of set memports, attachments and the kernel's regions. */
  readonly local: readonly Span[];
  readonly remote: readonly Span[];
  /** Refusals that are switched off; default: none is. */
  readonly checks?: Checks;
}

export interface Placement {
  readonly start: bigint;
  readonly remote: bigint;
}

/**
 * Chooses where an attachment lies. First fit in the window and in the brick's shares (the shared
 * ones where it asks for `shared`), or exactly where the request says.
 * @throws SDM_INPUT (size, alignment, window), SDM_NOT_OURS, SDM_RANGE_TAKEN, SDM_NO_SPACE.
 */
export function place(request: NormalRequest, space: PlacementSpace): Placement {
  checkSize(request, unitOf(request, space), blockText(request, space));
  return hasFeature(space.info.features, 'translation')
    ? placeTranslated(request, space)
    : placeIdentical(request, space);
}

function checkSize(request: NormalRequest, unit: bigint, block: string): void {
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
    `size is ${hex(request.size)}; mode ${request.mode} needs a multiple of ${formatSize(unit)}` +
      `${block} here, and not zero`,
    { details: { size: hex(request.size), unit: hex(unit) } },
  );
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

/**
 * @throws unless [remote, remote + size) is aligned, free, and in a share: what a controller decides
 * need only be in the pool, and free of what lies at the same memory brick. A local one keeps clear of a controller's whatever is switched off.
 */
function checkRemote(remote: bigint, request: NormalRequest, space: PlacementSpace): void {
  const { controller, poolKind } = space;
  const asked = { start: remote, end: remote + request.size, outId: request.outId, controller };
  const named = `remote ${spanText(asked)}`;
  if (space.checks?.alignment !== false) checkAligned(named, remote, space.info.granule);
  if (space.controller === true) checkInPool(remote, request, space);
  else checkInShares(remote, request, space);
  const may = (span: Span): boolean =>
    (space.checks?.remoteOverlap === false && (space.controller === true || !span.controller)) ||
    areApart(poolKind, asked, span);
  const clash = space.remote.find((span) => overlaps(span, asked) && !may(span));
  if (clash !== undefined) throw taken(named, clash);
}

/** @throws unless [start, start + size) lies in the window, is aligned and is free. */
function checkStart(start: bigint, request: NormalRequest, space: PlacementSpace): void {
  const asked = { start, end: start + request.size };
  const named = `start ${spanText(asked)}`;
  checkAligned(named, start, unitOf(request, space), blockText(request, space));
  checkInWindow(start, request, space);
  const clash = space.local.find((span) => overlaps(span, asked));
  if (clash !== undefined) throw taken(named, clash);
}

function checkAligned(named: string, address: bigint, unit: bigint, block: string = ''): void {
  const past = address % unit;
  if (past === 0n) return;
  throw new SdmError(
    'SDM_INPUT',
    `${named} is ${hex(past)} past a multiple of ${hex(unit)}${block}, and must start at one`,
    { details: { address: hex(address), unit: hex(unit) } },
  );
}

function taken(named: string, clash: Span): SdmError {
  const { memport } = clash;
  const by = memport === undefined ? 'the kernel (sdmc_mem)' : `memport ${memport}`;
  return new SdmError(
    'SDM_RANGE_TAKEN',
    `${named} overlaps ${spanText(clash)}, which ${by} has in use ` +
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
function placeIdentical(request: NormalRequest, space: PlacementSpace): Placement {
  const { windowBase, windowSize, granule } = space.info;
  if (windowBase % granule !== 0n) {
    throw new SdmError(
      'SDM_CONFIG',
      `the window starts at ${hex(windowBase)}, which is no multiple of the granule ${hex(granule)}`,
    );
  }
  const asked = identical(request, windowBase);
  if (asked !== undefined) {
    checkRemote(asked.remote, request, space);
    checkStart(asked.start, request, space);
    return asked;
  }
  const unit = ownUnit(request, space);
  for (const span of spans(request, space)) {
    const into = { start: span.start, end: span.end < windowSize ? span.end : windowSize };
    const remote = firstFit(into, request.size, unit, space.remote, windowBase, space.local);
    if (remote !== undefined) return { start: windowBase + remote, remote };
  }
  throw noSpace(request, space, `at a multiple of ${formatSize(unit)}`);
}

/** Where a request says that it wants to lie, by either of its two addresses. */
function identical(request: NormalRequest, windowBase: bigint): Placement | undefined {
  const { start, remote } = request;
  if (start === undefined) {
    return remote === undefined ? undefined : { start: windowBase + remote, remote };
  }
  const follows = start - windowBase;
  if (remote === undefined || remote === follows) {
    if (follows >= 0n) return { start, remote: follows };
    throw new SdmError(
      'SDM_INPUT',
      `start ${hex(start)} lies before the window of this brick, which begins at ${hex(windowBase)}`,
      { details: { start: hex(start), window: hex(windowBase) } },
    );
  }
  throw new SdmError(
    'SDM_INPUT',
    `start ${hex(start)} and remote ${hex(remote)} cannot be had together: these registers do not ` +
      `translate, so remote is start - ${hex(windowBase)}, which is ${hex(follows)}; leave one out`,
    { details: { start: hex(start), remote: hex(remote), follows: hex(follows) } },
  );
}

/** The window and the pool are filled independently. */
function placeTranslated(request: NormalRequest, space: PlacementSpace): Placement {
  const start = localStart(request, space);
  if (request.remote !== undefined) {
    checkRemote(request.remote, request, space);
    return { start, remote: request.remote };
  }
  const { granule } = space.info;
  for (const span of spans(request, space)) {
    const remote = firstFit(span, request.size, granule, space.remote);
    if (remote !== undefined) return { start, remote };
  }
  throw noSpace(request, space, `at a multiple of ${formatSize(granule)}`);
}

function localStart(request: NormalRequest, space: PlacementSpace): bigint {
  if (request.start !== undefined) {
    checkStart(request.start, request, space);
    return request.start;
  }
  const { windowBase, windowSize } = space.info;
  const window = { start: windowBase, end: windowBase + windowSize };
  const start = firstFit(window, request.size, ownUnit(request, space), space.local);
  if (start === undefined) throw noSpace(request, space, 'in the window');
  return start;
}
