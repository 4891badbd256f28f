import { join } from 'node:path';
import type { SdmError } from '../../common/errors.js';
import type { JournalStats } from '../attachments/journal.js';
import type { Log } from '../types.js';
import { notWritten, onlyGivingBack } from './errors.js';
import { isFull, type JournalFs } from './fs.js';
import type { JournalKind, Model } from './kind.js';
import type { LogFile } from './log-file.js';
import { FILES } from './read-file.js';
import { RESERVE_NEED, type Reserve } from './reserve.js';

/**
 * A checkpoint replaces the log when that is longer than `bytes`, and than `times` the last
 * checkpoint. While the disk is full, every byte that it frees is needed.
 */
const LIMIT = { bytes: 1 << 20, times: 4 };
const LIMIT_FULL = { bytes: 64 << 10, times: 2 };
/** A checkpoint that failed is tried again when the log has grown by this. */
const RETRY_GROWTH = 1.25;

/** An entry and what stands for it in the file. */
export interface Encoded<E> {
  readonly entry: E;
  readonly json: string;
}

export interface WriterParts<E, M extends Model<E>> {
  readonly kind: JournalKind<E, M>;
  readonly fs: JournalFs;
  readonly directory: string;
  readonly file: LogFile;
  readonly reserve: Reserve;
  /** What the file holds. */
  readonly state: M;
  readonly log: Log;
}

/** Writes groups of entries, and does what can be done where the disk is full or fails. */
export class Writer<E, M extends Model<E>> {
  readonly #parts: WriterParts<E, M>;
  readonly #path: string;
  #checkpoints = 0;
  /** Length of the log after the last checkpoint, and that at which a failed one is tried again. */
  #floor = 0;
  #retryAbove = 0;
  #failure: string | undefined;
  #refuses: JournalStats['refuses'] = 'nothing';

  constructor(parts: WriterParts<E, M>) {
    this.#parts = parts;
    this.#path = join(parts.directory, FILES.LOG);
  }

  /** What the file holds; changes with every group. */
  get state(): M {
    return this.#parts.state;
  }

  get stats(): Pick<JournalStats, 'bytes' | 'checkpoints' | 'failure' | 'refuses'> {
    const { bytes } = this.#parts.file;
    return {
      bytes,
      checkpoints: this.#checkpoints,
      failure: this.#failure,
      refuses: this.#refuses,
    };
  }

  /** Says before the first command if there is no room for bad days, nor any to take it from. */
  async start(): Promise<void> {
    const { reserve, log } = this.#parts;
    const free = await this.#free();
    if (reserve.held || free === undefined || free >= BigInt(RESERVE_NEED)) return;
    const { message } = onlyGivingBack(this.#path, RESERVE_NEED, free);
    this.#failure = message;
    this.#refuses = 'taking';
    log.warn({ journal: this.#path }, message);
  }

  /**
   * Adds entries in their order. Never throws.
   * @param durable they, and all before them, survive a power loss then.
   * @returns those that are not in the file, and why.
   */
  async write<W extends Encoded<E>>(
    entries: readonly W[],
    durable: boolean,
  ): Promise<ReadonlyMap<W, SdmError>> {
    const { takes } = this.#parts.kind;
    const refused = new Map<W, SdmError>();
    const refuse = (
      which: readonly W[],
      error: SdmError,
      refuses: 'taking' | 'everything',
    ): void => {
      for (const entry of which) refused.set(entry, error);
      if (which.length > 0) this.#failed(error, refuses);
    };
    let rest = entries;
    for (let full = false; ;) {
      const taking = rest.filter(({ entry }) => takes(entry));
      if (taking.length > 0 && (full || !(await this.#parts.reserve.make()))) {
        refuse(taking, onlyGivingBack(this.#path, RESERVE_NEED, await this.#free()), 'taking');
        rest = rest.filter(({ entry }) => !takes(entry));
      }
      if (rest.length === 0) return refused;
      try {
        await this.#add(rest, durable);
        this.#succeeded();
        return refused;
      } catch (error) {
        full = isFull(error) && (await this.#giveReserve());
        if (full) continue;
        refuse(rest, notWritten(this.#path, error, await this.#free()), 'everything');
        return refused;
      }
    }
  }

  /** Takes the room for bad days, if it is not taken and there is some. Quick where it is taken. */
  async upkeep(): Promise<void> {
    const { reserve } = this.#parts;
    // Trying costs writing all of it: where that failed, only what needs it tries again.
    if (!reserve.held && !reserve.failed && (await reserve.make())) this.#succeeded();
  }

  /** Makes all that was written survive a power loss, and closes the file. */
  async close(): Promise<void> {
    const { file, log } = this.#parts;
    await file.close(!file.suspect).catch((err: unknown) => {
      log.warn({ err }, 'the last notes in the journal may not survive a power loss');
    });
  }

  async #add(entries: readonly Encoded<E>[], durable: boolean): Promise<void> {
    const { file, log, state } = this.#parts;
    const lines = entries.map(({ json }) => json);
    if (file.suspect) await this.#checkpoint();
    else if (this.#tooLong()) await this.#tryCheckpoint();
    try {
      await file.append(lines, durable);
    } catch (err) {
      if (!file.suspect) throw err;
      log.warn({ err, journal: this.#path }, 'the journal is written anew, since its disk failed');
      await this.#checkpoint();
      await file.append(lines, durable);
    }
    for (const { entry } of entries) state.apply(entry);
  }

  #tooLong(): boolean {
    const { bytes, times } = this.#parts.reserve.held ? LIMIT : LIMIT_FULL;
    return this.#parts.file.bytes > Math.max(bytes, times * this.#floor, this.#retryAbove);
  }

  async #checkpoint(): Promise<void> {
    const { file, state, kind } = this.#parts;
    await file.replace([...kind.entriesOf(state)].map((entry) => kind.encode(entry)));
    this.#floor = file.bytes;
    this.#retryAbove = 0;
    this.#checkpoints += 1;
  }

  /** A long log is no reason to refuse anything. */
  async #tryCheckpoint(): Promise<void> {
    const { file, log } = this.#parts;
    try {
      await this.#checkpoint();
    } catch (err) {
      if (file.suspect) throw err;
      this.#retryAbove = file.bytes * RETRY_GROWTH;
      log.warn({ err, journal: this.#path, bytes: file.bytes }, 'the journal cannot be shortened');
    }
  }

  async #giveReserve(): Promise<boolean> {
    const { reserve, log } = this.#parts;
    const given = await reserve.give().catch(() => false);
    if (given) {
      log.warn(
        { journal: this.#path },
        'the disk is full: only giving memory back is possible now',
      );
    }
    return given;
  }

  #failed(error: SdmError, refuses: 'taking' | 'everything'): void {
    if (this.#failure === undefined) {
      this.#parts.log.error({ err: error, journal: this.#path }, 'the journal refuses entries');
    }
    this.#failure = error.message;
    this.#refuses = refuses;
  }

  #succeeded(): void {
    if (this.#failure === undefined) return;
    if (!this.#parts.reserve.held) {
      // Without the reserve, what takes something is still refused.
      if (this.#refuses === 'everything') {
        this.#failure = onlyGivingBack(this.#path, RESERVE_NEED, undefined).message;
      }
      this.#refuses = 'taking';
      return;
    }
    this.#failure = undefined;
    this.#refuses = 'nothing';
    this.#parts.log.info({ journal: this.#path }, 'the journal takes entries again');
  }

  async #free(): Promise<bigint | undefined> {
    const { fs, directory } = this.#parts;
    return fs.free(directory).catch(() => undefined);
  }
}
