import type { FileLock } from '../../native/types.js';
import type { SdmError } from '../../common/errors.js';
import type { JournalStats } from '../attachments/journal.js';
import { closed } from './errors.js';
import type { JournalKind, Model } from './kind.js';
import type { Encoded, Writer } from './writer.js';

/** After this, notes are written though nobody waits for an entry. */
const NOTE_MS = 50;

/** An entry that was handed in and is not written yet. */
interface Waiting<E> extends Encoded<E> {
  readonly since: number;
  /** Of who waits for it; undefined for a note. */
  readonly done: { resolve(): void; reject(error: SdmError): void } | undefined;
}

/** Where a command is. Of those that are not written yet the last one counts: it takes the place. */
class Place<E> implements Waiting<E> {
  readonly done = undefined;
  readonly #encode: (entry: E) => string;

  constructor(
    public entry: E,
    readonly since: number,
    encode: (entry: E) => string,
  ) {
    this.#encode = encode;
  }

  /** Made when it is written: most never are. */
  get json(): string {
    return this.#encode(this.entry);
  }
}

const isAwaited = ({ done }: Waiting<unknown>): boolean => done !== undefined;

/**
 * The journal in a file. Entries that are handed in while others are written go into the next group:
 * one write and one fdatasync each, however many wait for it.
 */
export class FileJournal<E, M extends Model<E>> {
  readonly #kind: JournalKind<E, M>;
  readonly #directory: string;
  readonly #writer: Writer<E, M>;
  readonly #lock: FileLock;
  readonly #now: () => number;
  /** What the file holds, and what is waiting. */
  #model: M;
  #queue: Waiting<E>[] = [];
  /** Those of the queue that may be replaced, by what they are about. */
  readonly #places = new Map<string, Place<E>>();
  /** What is being written. */
  #group: Waiting<E>[] = [];
  #running: Promise<void> | undefined;
  #noteTimer: NodeJS.Timeout | undefined;
  #notesDue = false;
  #closed: Promise<void> | undefined;
  #lastSyncMs = 0;

  /** @param now milliseconds, for {@link stats}. */
  constructor(
    kind: JournalKind<E, M>,
    directory: string,
    writer: Writer<E, M>,
    lock: FileLock,
    now: () => number,
  ) {
    this.#kind = kind;
    this.#directory = directory;
    this.#writer = writer;
    this.#lock = lock;
    this.#now = now;
    this.#model = kind.modelOf(writer.state);
  }

  record(entry: E): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) throw closed(this.#directory);
      this.#enqueue(entry, { resolve, reject });
      this.#wake();
    });
  }

  note(entry: E): void {
    if (this.#closed !== undefined) return;
    const place = this.#kind.placeOf?.(entry);
    if (place !== undefined) this.#enqueuePlace(place, entry);
    else this.#enqueue(entry, undefined);
    // Not at once: most are soon followed by an entry that somebody waits for.
    this.#noteTimer ??= setTimeout(() => {
      this.#noteTimer = undefined;
      this.#notesDue = this.#queue.length > 0;
      if (this.#notesDue) this.#wake();
    }, NOTE_MS).unref();
  }

  state(): M {
    return this.#model;
  }

  stats(): JournalStats {
    const waiting = [...this.#group, ...this.#queue].filter(isAwaited);
    const lagMs = waiting[0] === undefined ? 0 : this.#now() - waiting[0].since;
    return { pending: waiting.length, lagMs, lastSyncMs: this.#lastSyncMs, ...this.#writer.stats };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#noteTimer);
    this.#notesDue = this.#queue.length > 0;
    this.#wake();
    await this.#running;
    await this.#writer.close();
    this.#lock.close();
  }

  #enqueuePlace(about: string, entry: E): void {
    const known = this.#places.get(about);
    if (known === undefined) {
      const place = new Place(entry, this.#now(), (written) => this.#kind.encode(written));
      this.#places.set(about, place);
      this.#queue.push(place);
    } else {
      known.entry = entry;
    }
    this.#model.apply(entry);
  }

  #enqueue(entry: E, done: Waiting<E>['done']): void {
    const json = this.#kind.encode(entry);
    // what comes after it must not be written before it
    const settled = this.#kind.settles?.(entry);
    if (settled !== undefined) this.#places.delete(settled);
    const copy = this.#kind.copy(entry);
    this.#queue.push({ entry: copy, json, since: this.#now(), done });
    this.#model.apply(copy);
  }

  #wake(): void {
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // What is handed in within the same turn goes into the same group.
    await Promise.resolve();
    while (this.#notesDue || this.#queue.some(isAwaited)) {
      await this.#writeGroup();
      await this.#writer.upkeep();
    }
    this.#running = undefined;
  }

  async #writeGroup(): Promise<void> {
    const group = this.#queue;
    this.#group = group;
    this.#queue = [];
    this.#places.clear();
    this.#notesDue = false;
    const refused = await this.#writer.write(group, group.some(isAwaited));
    this.#group = [];
    if (refused.size > 0) this.#takeBack(group, refused);
    const oldest = group.find(isAwaited);
    if (oldest !== undefined) this.#lastSyncMs = this.#now() - oldest.since;
    for (const waiting of group) {
      const error = refused.get(waiting);
      if (error === undefined) waiting.done?.resolve();
      else waiting.done?.reject(error);
    }
  }

  /** What was refused was never there. Notes have nobody to be told: they try again. */
  #takeBack(group: readonly Waiting<E>[], refused: ReadonlyMap<Waiting<E>, SdmError>): void {
    this.#queue.unshift(...group.filter((waiting) => refused.has(waiting) && !isAwaited(waiting)));
    this.#model = this.#kind.modelOf(this.#writer.state);
    for (const { entry } of this.#queue) this.#model.apply(entry);
  }
}
