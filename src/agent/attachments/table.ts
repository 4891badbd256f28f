import { SdmError } from '../../common/errors.js';
import { isControllers } from '../owners.js';
import type { Attachment } from '../types.js';
import type { AttachmentRecord } from './record.js';
import { insert, type Span } from './spans.js';

/** How many freed attachments are remembered, so that a repeated detach gets the same answer. */
const FREED_MAX = 1024;

/** What an attachment takes. */
interface Reach {
  readonly local: Span;
  readonly remote: Span;
}

/** Attachments by id, and the last ones that were freed. */
export class AttachmentTable {
  readonly #records = new Map<string, AttachmentRecord>();
  readonly #ports = new Map<number, AttachmentRecord>();
  readonly #freed = new Map<string, Attachment>();
  readonly #reaches = new Map<AttachmentRecord, Reach>();
  readonly #local: Span[] = [];
  readonly #remote: Span[] = [];

  /** What attachments take of the window, in order. */
  get local(): readonly Span[] {
    return this.#local;
  }

  /** What they take of the pool, in order. */
  get remote(): readonly Span[] {
    return this.#remote;
  }

  add(record: AttachmentRecord): void {
    const before = this.#records.get(record.id);
    if (before !== undefined) this.forget(before);
    this.#reach(record);
    this.#records.set(record.id, record);
    this.#ports.set(record.memport, record);
    this.#freed.delete(record.id);
  }

  find(id: string): AttachmentRecord | undefined {
    return this.#records.get(id);
  }

  findFreed(id: string): Attachment | undefined {
    return this.#freed.get(id);
  }

  /** @throws SDM_NOT_FOUND. */
  get(id: string): AttachmentRecord {
    const record = this.#records.get(id);
    if (record !== undefined) return record;
    throw new SdmError(
      'SDM_NOT_FOUND',
      `there is no attachment ${id}; \`sdm-agent list\` shows those there are`,
      { details: { attachment: id } },
    );
  }

  /** Attachment whose memport it is. */
  byMemport(port: number): AttachmentRecord | undefined {
    return this.#ports.get(port);
  }

  records(): AttachmentRecord[] {
    return [...this.#records.values()];
  }

  forget(record: AttachmentRecord): void {
    if (this.#records.get(record.id) !== record) return;
    this.#records.delete(record.id);
    const reach = this.#reaches.get(record);
    if (reach !== undefined) {
      this.#reaches.delete(record);
      this.#local.splice(this.#local.indexOf(reach.local), 1);
      this.#remote.splice(this.#remote.indexOf(reach.remote), 1);
    }
    if (this.#ports.get(record.memport) === record) this.#ports.delete(record.memport);
  }

  /** Forgets it, but remembers that it was, as it is shown here. */
  free(record: AttachmentRecord, view: Attachment): void {
    this.forget(record);
    this.#freed.set(record.id, view);
    const [oldest] = this.#freed.keys();
    if (this.#freed.size > FREED_MAX && oldest !== undefined) this.#freed.delete(oldest);
  }

  /** Kept up to date: every attach looks at what all others take. */
  #reach(record: AttachmentRecord): void {
    const { start, remote, memport } = record;
    const { size } = record.request;
    const reach = {
      local: { start, end: start + size, memport },
      remote: {
        start: remote,
        end: remote + size,
        memport,
        // never changes: people and controllers do not take over from each other
        controller: isControllers(record.owner),
        outId: record.outId,
      },
    };
    this.#reaches.set(record, reach);
    insert(this.#local, reach.local);
    insert(this.#remote, reach.remote);
  }
}
