import type { MemportSpec } from '../types.js';
import { copyRecord, type AttachmentRecord } from './record.js';

/** Which way an attachment goes. */
export type Direction = 'up' | 'down';

/** What is written before something is done. Each entry stands for itself: the last one counts. */
export type JournalEntry =
  /** An attach is about to touch hardware: all that it will use. */
  | { readonly kind: 'attach'; readonly attachment: AttachmentRecord }
  /** A detach is about to begin; `retain` is what it was told. */
  | { readonly kind: 'detach'; readonly attachment: AttachmentRecord }
  /** The stage is about to be done or undone. Tells where a crash struck; recovery does without. */
  | {
      readonly kind: 'at';
      readonly id: string;
      readonly direction: Direction;
      readonly stage: string;
    }
  /** A command ended, and the attachment stays as it is here. */
  | { readonly kind: 'rest'; readonly attachment: AttachmentRecord }
  /** Nothing is left of it. */
  | { readonly kind: 'forget'; readonly id: string }
  /** The auto-online policy is about to be switched off (what it was), or is as before (null). */
  | { readonly kind: 'policy'; readonly saved: string | null }
  /** A memport is about to be set by hand, or was cleared (null). */
  | { readonly kind: 'memport'; readonly port: number; readonly held: HeldMemport | null }
  /** A controller with a higher term than all before it commands from now on. */
  | { readonly kind: 'epoch'; readonly epoch: bigint; readonly controller: string }
  /** The agent begins: what it works on, and the boot it runs in (the kernel's boot_id). */
  | { readonly kind: 'begin'; readonly identity: JournalIdentity; readonly bootId: string };

/** What a journal speaks of. One that speaks of something else must not be acted on. */
export interface JournalIdentity {
  readonly brick: string;
  /** Where they lie, not by which way they are reached: "file /path", "bar 0000:00:02.0", or
   * "device a0000000.memport" for what is no PCI device. */
  readonly registers: string;
  /** "file /path", "bar 0000:00:03.0", "remote" (only the logic behind the registers knows where), or
   * {@link NO_POOL} where there has been none so far. */
  readonly pool: string;
}

export const NO_POOL = 'none';

/** A memport that was set by hand. */
export interface HeldMemport {
  readonly spec: MemportSpec;
  /** `local`, or the controller that set it. */
  readonly by: string;
  /** Not set since the last boot: see `Attachment.waits`. */
  readonly waits?: 'controller' | 'restore';
}

/** An attachment as the journal knows it. */
export interface JournalledAttachment {
  readonly record: AttachmentRecord;
  /** A command that began and of which no end is known; undefined: it rests. */
  readonly doing: 'attach' | 'detach' | undefined;
  /** Where that command was, if that was written. */
  readonly at: { readonly direction: Direction; readonly stage: string } | undefined;
}

/** What the entries add up to. */
export interface JournalState {
  readonly attachments: ReadonlyMap<string, JournalledAttachment>;
  readonly memports: ReadonlyMap<number, HeldMemport>;
  readonly policy: string | null;
  /** The highest term seen, and whose it is. */
  readonly epoch: { readonly epoch: bigint; readonly controller: string } | undefined;
  /** Of the last `begin`. */
  readonly begin: { readonly identity: JournalIdentity; readonly bootId: string } | undefined;
}

/** For metrics and for people. Times in milliseconds, sizes in bytes. */
export interface JournalStats {
  /** Entries that somebody waits for: handed in, and not yet safe. */
  readonly pending: number;
  /** How long the oldest of them has been waiting; 0 where none does. */
  readonly lagMs: number;
  /** From an entry being handed in to it being safe: of the last group of entries. */
  readonly lastSyncMs: number;
  readonly bytes: number;
  readonly checkpoints: number;
  /** Why entries are refused, where the last write failed. */
  readonly failure: string | undefined;
  /** Which: `taking` are those by which something is going to be in use, for want of room. */
  readonly refuses: 'nothing' | 'taking' | 'everything';
}

export interface Journal {
  /**
   * Resolves when the entry, and every one handed in before it, would survive a power loss. What it
   * announces is done only then. The entry is copied at once: it may change afterwards.
   * @throws SDM_JOURNAL: it is not in the journal, and what it announces must not be done. Others,
   * also such that were handed in later, may be.
   */
  record(entry: JournalEntry): Promise<void>;
  /**
   * Hands an entry in and does not wait: it is written in order, and safe with the next `record`.
   * Never fails; what could not be written is tried again with the next `record`, which says so.
   */
  note(entry: JournalEntry): void;
  /** As of all entries handed in so far that were not refused, those of earlier runs included. */
  state(): JournalState;
  stats(): JournalStats;
  /** Writes what was handed in, and closes. Idempotent. */
  close(): Promise<void>;
}

/** As it is now: the record in it goes on changing. */
export function copyEntry(entry: JournalEntry): JournalEntry {
  return 'attachment' in entry ? { ...entry, attachment: copyRecord(entry.attachment) } : entry;
}

/** Adds entries up; for every kind of journal. */
export class JournalModel implements JournalState {
  readonly attachments = new Map<string, JournalledAttachment>();
  readonly memports = new Map<number, HeldMemport>();
  policy: string | null = null;
  epoch: JournalState['epoch'];
  begin: JournalState['begin'];

  /** @param entry kept: nobody changes it any more. */
  apply(entry: JournalEntry): void {
    switch (entry.kind) {
      case 'attach':
      case 'detach':
      case 'rest':
        this.attachments.set(entry.attachment.id, {
          record: entry.attachment,
          doing: entry.kind === 'rest' ? undefined : entry.kind,
          at: undefined,
        });
        break;
      case 'at': {
        const known = this.attachments.get(entry.id);
        const { direction, stage } = entry;
        if (known !== undefined) {
          this.attachments.set(entry.id, { ...known, at: { direction, stage } });
        }
        break;
      }
      case 'forget':
        this.attachments.delete(entry.id);
        break;
      case 'policy':
        this.policy = entry.saved;
        break;
      case 'memport':
        if (entry.held === null) this.memports.delete(entry.port);
        else this.memports.set(entry.port, entry.held);
        break;
      case 'epoch':
        this.epoch = { epoch: entry.epoch, controller: entry.controller };
        break;
      case 'begin':
        this.begin = { identity: entry.identity, bootId: entry.bootId };
        break;
    }
  }
}

/** Remembers as long as the process lives. */
export class MemoryJournal implements Journal {
  readonly #model = new JournalModel();

  record(entry: JournalEntry): Promise<void> {
    this.#model.apply(copyEntry(entry));
    return Promise.resolve();
  }

  note(entry: JournalEntry): void {
    this.#model.apply(copyEntry(entry));
  }

  state(): JournalState {
    return this.#model;
  }

  stats(): JournalStats {
    const nothing = { pending: 0, lagMs: 0, lastSyncMs: 0, bytes: 0, checkpoints: 0 };
    return { ...nothing, failure: undefined, refuses: 'nothing' };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
