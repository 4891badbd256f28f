import { join } from 'node:path';
import { isFull, type JournalFile, type JournalFs } from './fs.js';
import { formatHeader, formatLine } from './lines.js';
import { FILES } from './read-file.js';

interface Written {
  readonly file: JournalFile;
  readonly bytes: number;
  /** Sequence number of the next entry. */
  readonly next: number;
}

/** The file: adds lines to its end, or replaces it by a new one. One call at a time. */
export class LogFile {
  readonly #fs: JournalFs;
  readonly #directory: string;
  #file: JournalFile;
  #bytes: number;
  #next: number;
  #safe: number;
  #suspect = false;

  private constructor(fs: JournalFs, directory: string, written: Written) {
    this.#fs = fs;
    this.#directory = directory;
    this.#file = written.file;
    this.#bytes = written.bytes;
    this.#next = written.next;
    this.#safe = written.next - 1;
  }

  /** Makes a file without entries. It survives a power loss then. */
  static async create(fs: JournalFs, directory: string): Promise<LogFile> {
    const written = await writeNew(fs, directory, 1, []);
    await fs.syncDirectory(directory);
    return new LogFile(fs, directory, written);
  }

  /**
   * Goes on with a file, of which `whole` is what is whole. That is written once more where it
   * lies, and its name made to last: what can be read need not be on disk. The agent before may have
   * been killed before it synced, or have ended over a disk that failed, and then the kernel does
   * not try again by itself.
   */
  static async reopen(
    fs: JournalFs,
    directory: string,
    whole: Uint8Array,
    next: number,
  ): Promise<LogFile> {
    const file = await fs.open(join(directory, FILES.LOG));
    try {
      await file.truncate(whole.length);
      await file.write(whole, 0);
      await file.datasync();
      await fs.syncDirectory(directory);
    } catch (error) {
      await closeQuietly(file);
      throw error;
    }
    return new LogFile(fs, directory, { file, bytes: whole.length, next });
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What was written to it may not be on disk: nothing may be added before it is replaced. */
  get suspect(): boolean {
    return this.#suspect;
  }

  /**
   * Adds entries; `durable`: they, and all before them, survive a power loss then. After an error
   * none of them is in the file, unless it is suspect.
   */
  async append(entries: readonly string[], durable: boolean): Promise<void> {
    let seq = this.#next;
    const lines = entries.map((json) => formatLine(seq++, this.#safe, json));
    const bytes = Buffer.from(lines.join(''));
    let written = false;
    try {
      await this.#file.write(bytes, this.#bytes);
      written = true;
      if (durable) await this.#file.datasync();
    } catch (error) {
      this.#suspect ||= written || !isFull(error);
      await this.#cut();
      throw error;
    }
    this.#bytes += bytes.length;
    this.#next = seq;
    if (durable) this.#safe = seq - 1;
  }

  /** Takes away what is written beyond the last entry, durably: a restart must not find it. */
  async #cut(): Promise<void> {
    try {
      await this.#file.truncate(this.#bytes);
      await this.#file.datasync();
    } catch {
      this.#suspect = true;
    }
  }

  /**
   * Puts a new file with these entries in the place of the old one. After an error the old one is
   * still there, or (if it is suspect then) one of the two.
   */
  async replace(entries: readonly string[]): Promise<void> {
    const written = await writeNew(this.#fs, this.#directory, this.#next, entries);
    await closeQuietly(this.#file);
    this.#file = written.file;
    this.#bytes = written.bytes;
    this.#next = written.next;
    this.#safe = written.next - 1;
    // Until the directory is synced, a power loss brings the old file back.
    this.#suspect = true;
    await this.#fs.syncDirectory(this.#directory);
    this.#suspect = false;
  }

  /** `durable`: what was added without that, survives a power loss first. */
  async close(durable: boolean): Promise<void> {
    try {
      if (durable) await this.#file.datasync();
    } finally {
      await closeQuietly(this.#file);
    }
  }
}

/** Writes a file beside the log and gives it the log's name; after an error nothing is changed. */
async function writeNew(
  fs: JournalFs,
  directory: string,
  first: number,
  entries: readonly string[],
): Promise<Written> {
  const path = join(directory, FILES.NEW);
  const next = first + entries.length;
  const lines = entries.map((json, i) => formatLine(first + i, next - 1, json));
  const bytes = Buffer.from(formatHeader(first, next - 1) + lines.join(''));
  await fs.remove(path);
  const file = await fs.open(path);
  try {
    await file.write(bytes, 0);
    await file.datasync();
    await fs.rename(path, join(directory, FILES.LOG));
  } catch (error) {
    await closeQuietly(file);
    await fs.remove(path).catch(() => {});
    throw error;
  }
  return { file, bytes: bytes.length, next };
}

/** Nothing is lost by a close that fails: what counts was synced before, or failed then. */
async function closeQuietly(file: JournalFile): Promise<void> {
  await file.close().catch(() => {});
}
