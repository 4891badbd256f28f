import { setImmediate } from 'node:timers/promises';
import {
  JournalModel,
  type Journal,
  type JournalEntry,
  type JournalState,
  type JournalStats,
} from '../../src/agent/attachments/journal.js';
import { copyRecord } from '../../src/agent/attachments/record.js';
import { SdmError } from '../../src/common/errors.js';

interface Kept {
  readonly entry: JournalEntry;
  safe: boolean;
}

interface Waiting {
  readonly kept: Kept;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** An entry as it is when it is handed in: records go on changing. */
function copyEntry(entry: JournalEntry): JournalEntry {
  return 'attachment' in entry ? { ...entry, attachment: copyRecord(entry.attachment) } : entry;
}

/**
 * A journal in memory that a test holds in its hands: entries become safe when it says so, or are
 * refused, and what a crash leaves of it can be opened again.
 */
export class TestJournal implements Journal {
  readonly kept: Kept[] = [];
  /** Entries that are to be refused. */
  refuse: ((entry: JournalEntry) => boolean) | undefined;
  #held = false;
  readonly #waiting: Waiting[] = [];
  #model = new JournalModel();

  constructor(entries: readonly JournalEntry[] = []) {
    for (const entry of entries) this.#keep(entry, true);
  }

  /** Kinds of what was handed in so far, notes included. */
  kinds(): string[] {
    return this.kept.map(({ entry }) =>
      entry.kind === 'at' ? `${entry.direction} ${entry.stage}` : entry.kind,
    );
  }

  async record(entry: JournalEntry): Promise<void> {
    if (this.refuse?.(entry) === true) throw full();
    const kept = this.#keep(entry, false);
    if (this.#held) {
      await new Promise<void>((resolve, reject) => this.#waiting.push({ kept, resolve, reject }));
    } else {
      await Promise.resolve();
    }
    this.#safeUpTo(kept);
  }

  note(entry: JournalEntry): void {
    this.#keep(entry, false);
  }

  state(): JournalState {
    return this.#model;
  }

  stats(): JournalStats {
    const nothing = { lagMs: 0, lastSyncMs: 0, bytes: 0, checkpoints: 0, failure: undefined };
    return { ...nothing, refuses: 'nothing', pending: this.#waiting.length };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** From now on an entry is safe only when it is released. */
  hold(): void {
    this.#held = true;
  }

  /** Makes what waits safe, and all that comes. */
  async release(): Promise<void> {
    this.#held = false;
    await this.releaseWaiting();
  }

  /** Makes what waits safe, as one group, and lets its commands go on. */
  async releaseWaiting(): Promise<void> {
    for (const waiting of this.#waiting.splice(0)) waiting.resolve();
    await setImmediate();
  }

  /** Refuses what waits, as when the disk is full: none of it is in the journal. */
  async refuseWaiting(): Promise<void> {
    const waiting = this.#waiting.splice(0);
    const refused = new Set(waiting.map(({ kept }) => kept));
    const left = this.kept.filter((kept) => !refused.has(kept));
    this.kept.length = 0;
    this.#model = new JournalModel();
    for (const { entry, safe } of left) this.#keep(entry, safe);
    for (const { reject } of waiting) reject(full());
    await setImmediate();
  }

  /** Waits until so many entries wait to be safe. */
  async waiting(count: number): Promise<void> {
    for (let turns = 0; this.#waiting.length < count; turns++) {
      if (turns > 1000) throw new Error(`${this.#waiting.length} entries wait, not ${count}`);
      await setImmediate();
    }
  }

  /**
   * What a crash leaves.
   * @param lost `none`: the process was killed, and all that it handed in was written; `unsafe`:
   * nothing is left but what had to be.
   */
  crashed(lost: 'none' | 'unsafe'): TestJournal {
    const last = this.kept.findLastIndex(({ safe }) => safe);
    const left = lost === 'none' ? this.kept : this.kept.slice(0, last + 1);
    return new TestJournal(left.map(({ entry }) => entry));
  }

  #keep(entry: JournalEntry, safe: boolean): Kept {
    const kept = { entry: copyEntry(entry), safe };
    this.kept.push(kept);
    this.#model.apply(kept.entry);
    return kept;
  }

  #safeUpTo(last: Kept): void {
    for (const kept of this.kept) {
      kept.safe = true;
      if (kept === last) return;
    }
  }
}

function full(): SdmError {
  return new SdmError('SDM_JOURNAL', 'the disk is full');
}
