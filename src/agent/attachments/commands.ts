import { checkOwner, nextOwner } from '../owners.js';
import { Tombstones } from '../tombstones.js';
import type { AttachRequest, Attachment, Caller, DetachOptions, Ensured, Log } from '../types.js';
import type { Machine } from './machine.js';
import { linkOf, normalise, viewOf, type AttachmentRecord } from './record.js';
import { checkRepeated, reserve, type ReserveParts } from './reserve.js';
import type { StageContext } from './stages.js';
import { checkStillOurs } from './still-ours.js';
import type { AttachmentTable } from './table.js';

export interface CommandParts extends ReserveParts {
  readonly table: AttachmentTable;
  readonly machine: Machine;
  readonly log: Log;
}

/** What may be asked of attachments. Each call has the turn, and the id to itself. */
export class AttachmentCommands {
  readonly #parts: CommandParts;
  readonly #node: number;
  readonly #tombstones = new Tombstones();

  /** @param node for system-ram where a request names none. */
  constructor(parts: CommandParts, node: number) {
    this.#parts = parts;
    this.#node = node;
  }

  /** @throws as AgentCore.attach. */
  async attach(
    context: StageContext,
    id: string,
    request: AttachRequest,
    caller: Caller,
  ): Promise<Ensured> {
    const { memory, table, machine, log } = this.#parts;
    const normal = normalise(request, this.#node);
    const existing = table.find(id);
    if (existing !== undefined) {
      await machine.catchUp(context, existing);
      checkRepeated(existing, normal, caller);
      return { attachment: await this.#again(context, existing, caller), created: false };
    }
    this.#tombstones.check('attachment', id, caller);
    await memory.prepare(normal.mode, normal.node);
    const record = reserve(this.#parts, id, normal, caller);
    table.add(record);
    try {
      await machine.attach(context, record);
    } finally {
      if (record.state === 'free') table.forget(record);
    }
    log.info({ id, start: record.start, size: normal.size, owner: record.owner }, 'attached');
    return { attachment: this.view(record), created: true };
  }

  /** @throws as AgentCore.detach. */
  async detach(
    context: StageContext,
    id: string,
    options: DetachOptions,
    caller: Caller,
  ): Promise<Attachment> {
    const { table, machine, log } = this.#parts;
    // said below in one way or the other: that it is not there, and is not to come
    if (table.find(id) === undefined) this.#tombstones.add(id, caller);
    const freed = table.findFreed(id);
    if (freed !== undefined) return freed;
    const record = table.get(id);
    if (options.override !== true) {
      checkOwner(`attachment ${id}`, record.owner, caller, { attachment: id });
    }
    const change = {
      retain: options.retain ?? record.retain,
      owner: nextOwner(record.owner, caller),
    };
    let view: Attachment | undefined;
    try {
      await machine.detach(context, record, change);
    } finally {
      if (record.state === 'free') {
        table.free(record, (view = this.view(record)));
        this.#tombstones.add(id, caller);
      }
    }
    log.info({ id, owner: record.owner }, 'detached');
    return view ?? this.view(record);
  }

  view(record: AttachmentRecord): Attachment {
    const { backend } = this.#parts;
    return viewOf(record, linkOf(record, backend.info, backend.linkStatus()));
  }

  views(): Attachment[] {
    const { backend, table } = this.#parts;
    const status = backend.linkStatus();
    return table.records().map((record) => viewOf(record, linkOf(record, backend.info, status)));
  }

  /** A repeated command: the same attachment, its owner's by now; one that waits goes forward. */
  async #again(
    context: StageContext,
    record: AttachmentRecord,
    caller: Caller,
  ): Promise<Attachment> {
    const { memory, machine, log } = this.#parts;
    if (record.waits !== undefined) {
      checkStillOurs(context, record);
      const { mode, node } = record.request;
      await memory.prepare(mode, node);
      await machine.attach(context, record, caller.owner);
      log.info({ id: record.id, owner: record.owner }, 'attached again');
    } else if (record.owner !== caller.owner) {
      await machine.handOver(context, record, caller.owner);
    }
    return this.view(record);
  }
}
