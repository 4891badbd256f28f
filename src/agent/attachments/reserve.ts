import { isLinkUp, transceiverOf } from '../../abi/codec.js';
import { SdmError } from '../../common/errors.js';
import { ID_PATTERN } from '../attachment-id.js';
import type { RegisterBackend } from '../backend/types.js';
import { blocksOf } from '../memory/blocks.js';
import type { MemoryPath } from '../memory/types.js';
import type { Memports } from '../memports.js';
import { isControllers, mayCommand } from '../owners.js';
import {
  ATTACHMENT_MODES,
  type AttachRequest,
  type Caller,
  type Checks,
  type Share,
} from '../types.js';
import { place } from './placement.js';
import { differences, type AttachmentRecord, type NormalRequest } from './record.js';
import { insert } from './spans.js';

const ID = new RegExp(ID_PATTERN);

/** What a reservation looks at. */
export interface ReserveParts {
  readonly backend: RegisterBackend;
  readonly memory: MemoryPath;
  readonly memports: Memports;
  readonly shares: readonly Share[];
  readonly checks: Checks;
}

/**
 * Chooses range, memport and network id. Nothing is held until the record is in the table.
 * @throws as `place` and `Memports.free`.
 */
export function reserve(
  parts: ReserveParts,
  id: string,
  request: NormalRequest,
  caller: Caller,
): AttachmentRecord {
  const { info, pool } = parts.backend;
  const { blockSize, pageSize } = parts.memory;
  const set = parts.backend.setMemports();
  const { local, remote } = parts.memports.taken(set);
  for (const held of parts.memory.held()) {
    insert(local, { start: held.start, end: held.start + held.size });
  }
  const { shares, checks } = parts;
  const controller = isControllers(caller.owner);
  const limits = {
    ...{ info, poolSize: pool?.size, poolKind: pool?.kind },
    ...{ shares, controller, checks },
  };
  const space = { ...limits, blockSize, pageSize, local, remote };
  const placed = place(request, space);
  const ram = request.mode === 'system-ram' && blockSize !== undefined;
  return {
    id,
    owner: caller.owner,
    request,
    ...placed,
    memport: parts.memports.free(request.memport, set),
    outId: request.outId ?? firstUp(parts.backend),
    blocks: ram ? blocksOf({ start: placed.start, size: request.size }, blockSize) : undefined,
    state: 'reserved',
    reached: 0,
    waits: undefined,
    touched: false,
    retain: request.retain,
    device: undefined,
    error: undefined,
    steps: [],
  };
}

/** The lowest transceiver that is up, as network id; 0 where none is, or where there are none. */
function firstUp(backend: RegisterBackend): bigint {
  const { info } = backend;
  if (transceiverOf(0n, info) === undefined) return 0n;
  const status = backend.linkStatus();
  for (let t = 0; t < info.ntransceivers; t++) {
    if (isLinkUp(status, t)) return BigInt(t);
  }
  return 0n;
}

/** @throws SDM_INPUT for what no brick could attach. */
export function checkRequest(id: string, request: AttachRequest): void {
  if (!ID.test(id)) {
    throw new SdmError(
      'SDM_INPUT',
      `id is "${id}"; expected 1 to 64 of letters, digits, dot, underscore and hyphen`,
    );
  }
  if (!ATTACHMENT_MODES.includes(request.mode)) {
    throw new SdmError(
      'SDM_INPUT',
      `mode is "${String(request.mode)}"; expected ${ATTACHMENT_MODES.join(' or ')}`,
    );
  }
  if (request.mode === 'device' && request.node !== undefined) {
    throw new SdmError(
      'SDM_INPUT',
      `node is ${request.node}, but a device range joins no node: leave it out, or attach with ` +
        'mode system-ram',
    );
  }
}

/**
 * Lets the command through that asks for what is there already.
 * @throws SDM_CONFLICT where something else is asked for, or by someone else.
 */
export function checkRepeated(
  record: AttachmentRecord,
  request: NormalRequest,
  caller: Caller,
): void {
  const { id } = record;
  const differing = differences(record.request, request).map(
    ([key, was, is]) => `${key} is ${was}, and ${is} is asked for`,
  );
  if (!mayCommand(record.owner, caller)) {
    differing.push(`its owner is ${record.owner}, and ${caller.owner} asks`);
  }
  if (differing.length > 0) {
    throw new SdmError(
      'SDM_CONFLICT',
      `attachment ${id} exists, and differs (${differing.join('; ')}): choose another id, or ` +
        'detach it first',
      { details: { attachment: id, owner: record.owner } },
    );
  }
  if (record.state === 'failed') {
    throw new SdmError(
      'SDM_CONFLICT',
      `attachment ${id} failed before (${record.error?.message ?? 'unknown'}): detach it first`,
      { details: { attachment: id } },
    );
  }
}
