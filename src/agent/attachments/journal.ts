import type { MemportSpec } from '../types.js';
import { copyRecord, type AttachmentRecord } from './record.js';

/** What is written before something is done. Each entry stands for itself: the last one counts. */
export type JournalEntry =
  /** The stage is about to be done (`up`) or undone (`down`). */
  | {
      readonly kind: 'step';
      readonly direction: 'up' | 'down';
      readonly stage: string;
      readonly attachment: AttachmentRecord;
    }
  /** A command ended, and the attachment stays as it is here. */
  | { readonly kind: 'rest'; readonly attachment: AttachmentRecord }
  /** Nothing is left of it. */
  | { readonly kind: 'forget'; readonly id: string }
  /** The auto-online policy is about to be switched off (what it was), or is as before (null). */
  | { readonly kind: 'policy'; readonly saved: string | null }
  /** A memport is about to be set by hand, or was cleared (null). */
  | { readonly kind: 'memport'; readonly port: number; readonly spec: MemportSpec | null };

/** What the entries add up to. */
export interface JournalState {
  readonly attachments: ReadonlyMap<string, AttachmentRecord>;
  readonly policy: string | null;
  readonly memports: ReadonlyMap<number, MemportSpec>;
}

export interface Journal {
  /** Resolves when the entry would survive a crash. What it announces is done only then. */
  record(entry: JournalEntry): Promise<void>;
  /** As of all entries so far, those of earlier runs included. */
  state(): JournalState;
  close(): Promise<void>;
}

/** Adds entries up; for every kind of journal. */
export class JournalModel implements JournalState {
  readonly attachments = new Map<string, AttachmentRecord>();
  readonly memports = new Map<number, MemportSpec>();
  policy: string | null = null;

  apply(entry: JournalEntry): void {
    switch (entry.kind) {
      case 'step':
      case 'rest':
        this.attachments.set(entry.attachment.id, entry.attachment);
        break;
      case 'forget':
        this.attachments.delete(entry.id);
        break;
      case 'policy':
        this.policy = entry.saved;
        break;
      case 'memport':
        if (entry.spec === null) this.memports.delete(entry.port);
        else this.memports.set(entry.port, entry.spec);
        break;
    }
  }
}

/** Remembers as long as the process lives. */
export class MemoryJournal implements Journal {
  readonly #model = new JournalModel();

  record(entry: JournalEntry): Promise<void> {
    this.#model.apply(
      'attachment' in entry ? { ...entry, attachment: copyRecord(entry.attachment) } : entry,
    );
    return Promise.resolve();
  }

  state(): JournalState {
    return this.#model;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
