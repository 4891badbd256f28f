import { SdmError } from '../../common/errors.js';
import type { Attachment } from '../types.js';
import { viewOf, type AttachmentRecord } from './record.js';

/** How many freed attachments are remembered, so that a repeated detach gets the same answer. */
const FREED_MAX = 1024;

/** Attachments by id, and the last ones that were freed. */
export class AttachmentTable {
  readonly #records = new Map<string, AttachmentRecord>();
  readonly #freed = new Map<string, Attachment>();

  add(record: AttachmentRecord): void {
    this.#records.set(record.id, record);
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
    return this.records().find((record) => record.memport === port);
  }

  records(): AttachmentRecord[] {
    return [...this.#records.values()];
  }

  forget(record: AttachmentRecord): void {
    this.#records.delete(record.id);
  }

  /** Forgets it, but remembers that it was. */
  free(record: AttachmentRecord): Attachment {
    const view = viewOf(record);
    this.forget(record);
    this.#freed.set(record.id, view);
    const [oldest] = this.#freed.keys();
    if (this.#freed.size > FREED_MAX && oldest !== undefined) this.#freed.delete(oldest);
    return view;
  }
}
