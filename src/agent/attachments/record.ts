import { hex, isLinkUp, transceiverOf } from '../../abi/codec.js';
import type { RegisterBlockInfo } from '../../native/types.js';
import type {
  AttachRequest,
  Attachment,
  AttachmentMode,
  AttachmentState,
  DeviceRange,
  ErrorView,
  StepTime,
} from '../types.js';

/** A request with everything filled in that does not depend on what is free. */
export interface NormalRequest {
  readonly mode: AttachmentMode;
  readonly size: bigint;
  /** -1 for device. */
  readonly node: number;
  readonly shared: boolean;
  readonly retain: boolean;
  readonly start: bigint | undefined;
  readonly memport: number | undefined;
  readonly remote: bigint | undefined;
  readonly outId: bigint | undefined;
  readonly inId: bigint;
}

/** An attachment as the machine keeps it and the journal stores it. */
export interface AttachmentRecord {
  readonly id: string;
  owner: string;
  readonly request: NormalRequest;
  readonly start: bigint;
  readonly remote: bigint;
  readonly memport: number;
  readonly outId: bigint;
  readonly blocks: readonly number[] | undefined;
  state: AttachmentState;
  /** How many stages of the machine may have left something behind: what a way back starts from. */
  reached: number;
  /** Nothing of it is in use, its bytes apart: see `Attachment.waits`. */
  waits: 'controller' | 'restore' | undefined;
  /** The kernel or programs may have written to it, and it was not scrubbed since. */
  touched: boolean;
  /** As `request.retain`, unless the detach said otherwise. */
  retain: boolean;
  device: DeviceRange | undefined;
  error: ErrorView | undefined;
  steps: StepTime[];
}

/** Fills in what a request leaves out. */
export function normalise(request: AttachRequest, node: number): NormalRequest {
  const shared = request.shared ?? false;
  return {
    mode: request.mode,
    size: request.size,
    node: request.mode === 'system-ram' ? (request.node ?? node) : -1,
    shared,
    retain: request.retain ?? shared,
    start: request.start,
    memport: request.memport,
    remote: request.remote,
    outId: request.outId,
    inId: request.inId ?? 0n,
  };
}

/**
 * Where two requests ask for something else: [property, of a, of b], for sentences. Empty for a
 * repeated command.
 */
export function differences(a: NormalRequest, b: NormalRequest): [string, string, string][] {
  const text = (value: NormalRequest[keyof NormalRequest]): string => {
    if (value === undefined) return 'any';
    return typeof value === 'bigint' ? hex(value) : String(value);
  };
  return (Object.keys(a) as (keyof NormalRequest)[])
    .filter((key) => a[key] !== b[key])
    .map((key) => [key, text(a[key]), text(b[key])]);
}

/** A copy that later steps do not change. */
export function copyRecord(record: AttachmentRecord): AttachmentRecord {
  return { ...record, steps: [...record.steps] };
}

/**
 * The link that it goes over; undefined where the block has none.
 * @param status LINK_STATUS.
 */
export function linkOf(
  record: AttachmentRecord,
  info: RegisterBlockInfo,
  status: bigint,
): 'up' | 'down' | undefined {
  const transceiver = transceiverOf(record.outId, info);
  if (transceiver === undefined) return undefined;
  return isLinkUp(status, transceiver) ? 'up' : 'down';
}

/** What the outside sees of a record. */
export function viewOf(record: AttachmentRecord, link: 'up' | 'down' | undefined): Attachment {
  const { request, waits, blocks, device, error } = record;
  return {
    id: record.id,
    mode: request.mode,
    state: record.state,
    size: request.size,
    start: record.start,
    end: record.start + request.size - 1n,
    remote: record.remote,
    shared: request.shared,
    retain: record.retain,
    memport: record.memport,
    node: request.node,
    outId: record.outId,
    inId: request.inId,
    owner: record.owner,
    steps: [...record.steps],
    ...(link === undefined ? {} : { link }),
    ...(waits === undefined ? {} : { waits }),
    ...(blocks === undefined ? {} : { blocks }),
    ...(device === undefined ? {} : { device }),
    ...(error === undefined ? {} : { error }),
  };
}
