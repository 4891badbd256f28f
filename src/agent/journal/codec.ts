import { hex } from '../../abi/numbers.js';
import { explain, show } from '../../common/schema-errors.js';
import type { HeldMemport, JournalEntry } from '../attachments/journal.js';
import type { AttachmentRecord, NormalRequest } from '../attachments/record.js';
import { toJson } from '../../common/json.js';
import { validatorOf } from './entry-validator.js';
import {
  ENTRY_SCHEMAS,
  type EntryJson,
  type EntryKind,
  type HeldJson,
  type RecordJson,
} from './schema.js';

/** An entry that cannot be what it says; the message names the member. */
export class CodecError extends Error {}

/**
 * The entry as one line of JSON, with every bigint as "0x…". It is written only if it could be read
 * again: an entry that is durable and unreadable would keep the agent from ever starting.
 * @throws CodecError for a value that no entry may have, such as a time that is not a number.
 */
export function encodeEntry(entry: JournalEntry): string {
  const json = entryToJson(entry);
  check(json.kind, json);
  return JSON.stringify(json);
}

/** @throws CodecError for text that is no entry, or one that this version does not know. */
export function decodeEntry(text: string): JournalEntry {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new CodecError(`expected JSON, found ${show(text)}`);
  }
  const kind = typeof json === 'object' && json !== null && 'kind' in json ? json.kind : undefined;
  if (typeof kind !== 'string' || !Object.hasOwn(ENTRY_SCHEMAS, kind)) {
    const known = Object.keys(ENTRY_SCHEMAS).join(', ');
    throw new CodecError(`kind: expected one of ${known}, found ${show(kind)}`);
  }
  check(kind as EntryKind, json);
  return entryOf(json as EntryJson);
}

function check(kind: EntryKind, json: unknown): void {
  const validate = validatorOf(kind);
  if (validate(json)) return;
  const { key, expected, found } = explain(validate.errors);
  throw new CodecError(`${kind} entry: ${key}: expected ${expected}, found ${show(found)}`);
}

function entryToJson(entry: JournalEntry): EntryJson {
  switch (entry.kind) {
    case 'attach':
    case 'detach':
    case 'rest':
      return { kind: entry.kind, attachment: recordToJson(entry.attachment) };
    case 'at': {
      const { kind, id, direction, stage } = entry;
      return { kind, id, direction, stage };
    }
    case 'forget':
      return { kind: 'forget', id: entry.id };
    case 'policy':
      return { kind: 'policy', saved: entry.saved };
    case 'memport': {
      const { kind, port, held } = entry;
      return { kind, port, held: held === null ? null : heldToJson(held) };
    }
    case 'epoch':
      return { kind: 'epoch', epoch: hex(entry.epoch), controller: entry.controller };
    case 'begin': {
      const { brick, registers, pool } = entry.identity;
      return { kind: 'begin', identity: { brick, registers, pool }, bootId: entry.bootId };
    }
  }
}

/** Member by member, and not by `toJson`: it is on the way of every command. */
function recordToJson(record: AttachmentRecord): RecordJson {
  const { request, device, error } = record;
  return {
    id: record.id,
    owner: record.owner,
    request: {
      mode: request.mode,
      size: hex(request.size),
      node: request.node,
      shared: request.shared,
      retain: request.retain,
      ...(request.start === undefined ? {} : { start: hex(request.start) }),
      ...(request.memport === undefined ? {} : { memport: request.memport }),
      ...(request.remote === undefined ? {} : { remote: hex(request.remote) }),
      ...(request.outId === undefined ? {} : { outId: hex(request.outId) }),
      inId: hex(request.inId),
    },
    start: hex(record.start),
    remote: hex(record.remote),
    memport: record.memport,
    outId: hex(record.outId),
    ...(record.blocks === undefined ? {} : { blocks: record.blocks as number[] }),
    state: record.state,
    reached: record.reached,
    ...(record.waits === undefined ? {} : { waits: record.waits }),
    touched: record.touched,
    retain: record.retain,
    ...(device === undefined
      ? {}
      : { device: { path: device.path, offset: hex(device.offset), size: hex(device.size) } }),
    ...(error === undefined ? {} : { error: toJson(error) }),
    steps: record.steps as RecordJson['steps'],
  };
}

function heldToJson({ spec, by, waits }: HeldMemport): HeldJson {
  return {
    spec: {
      start: hex(spec.start),
      size: hex(spec.size),
      remote: hex(spec.remote),
      ...(spec.outId === undefined ? {} : { outId: hex(spec.outId) }),
      ...(spec.inId === undefined ? {} : { inId: hex(spec.inId) }),
    },
    by,
    ...(waits === undefined ? {} : { waits }),
  };
}

function entryOf(json: EntryJson): JournalEntry {
  switch (json.kind) {
    case 'attach':
    case 'detach':
    case 'rest':
      return { kind: json.kind, attachment: recordOf(json.attachment) };
    case 'memport':
      return { ...json, held: json.held === null ? null : heldOf(json.held) };
    case 'epoch':
      return { ...json, epoch: BigInt(json.epoch) };
    default:
      return json;
  }
}

const optional = (text: string | undefined): bigint | undefined =>
  text === undefined ? undefined : BigInt(text);

function recordOf(json: RecordJson): AttachmentRecord {
  const { request, device } = json;
  return {
    ...json,
    request: {
      ...request,
      size: BigInt(request.size),
      start: optional(request.start),
      memport: request.memport,
      remote: optional(request.remote),
      outId: optional(request.outId),
      inId: BigInt(request.inId),
    },
    start: BigInt(json.start),
    remote: BigInt(json.remote),
    outId: BigInt(json.outId),
    blocks: json.blocks,
    waits: json.waits,
    device:
      device === undefined
        ? undefined
        : { ...device, offset: BigInt(device.offset), size: BigInt(device.size) },
    error: json.error,
  };
}

function heldOf({ spec, by, waits }: HeldJson): HeldMemport {
  return {
    spec: {
      start: BigInt(spec.start),
      size: BigInt(spec.size),
      remote: BigInt(spec.remote),
      ...(spec.outId === undefined ? {} : { outId: BigInt(spec.outId) }),
      ...(spec.inId === undefined ? {} : { inId: BigInt(spec.inId) }),
    },
    by,
    ...(waits === undefined ? {} : { waits }),
  };
}

/** A member that is added to what is stored, and forgotten here, does not compile. */
type Same<A, B> = [keyof A, keyof B] extends [keyof B, keyof A] ? true : never;
const COMPLETE: readonly true[] = [
  true satisfies Same<AttachmentRecord, RecordJson>,
  true satisfies Same<NormalRequest, RecordJson['request']>,
  true satisfies Same<HeldMemport, HeldJson>,
  true satisfies Same<HeldMemport['spec'], HeldJson['spec']>,
];
void COMPLETE;
