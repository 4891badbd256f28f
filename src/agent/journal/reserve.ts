import { randomFillSync } from 'node:crypto';
import { join } from 'node:path';
import type { JournalFs } from './fs.js';
import { FILES } from './read-file.js';

/**
 * Bytes. Enough to write what is known of 512 attachments anew, or to take down the giving back of
 * nearly as many.
 */
export const RESERVE_SIZE = 1 << 20;
/** Bytes that must be free beside it, or it would be given up again at once. */
const MARGIN = 256 << 10;
/** Bytes that must be free for the reserve to be taken. */
export const RESERVE_NEED = RESERVE_SIZE + MARGIN;

/**
 * Room on the disk that is kept for bad days: a full disk must not keep anybody from giving memory
 * back, since that, too, must be written down before it is done.
 */
export class Reserve {
  readonly #fs: JournalFs;
  readonly #directory: string;
  readonly #path: string;
  #held = false;
  #failed = false;

  constructor(fs: JournalFs, directory: string) {
    this.#fs = fs;
    this.#directory = directory;
    this.#path = join(directory, FILES.RESERVE);
  }

  get held(): boolean {
    return this.#held;
  }

  /** The last time there seemed to be room, and then was none: a quota, say. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Looks whether an agent before has left it. */
  async find(): Promise<void> {
    this.#held = (await this.#fs.allocated(this.#path)) >= RESERVE_SIZE;
  }

  /** Gives the room up. @returns whether there was any. */
  async give(): Promise<boolean> {
    if (!this.#held) return false;
    this.#held = false;
    await this.#fs.remove(this.#path);
    return true;
  }

  /** Takes the room, if it is not taken yet. @returns whether it is. */
  async make(): Promise<boolean> {
    if (this.#held) return true;
    try {
      const free = await this.#fs.free(this.#directory);
      if (free !== undefined && free < BigInt(RESERVE_NEED)) return false;
      await this.#fill();
      this.#held = true;
      this.#failed = false;
    } catch {
      this.#failed = true;
      await this.#fs.remove(this.#path).catch(() => {});
    }
    return this.#held;
  }

  async #fill(): Promise<void> {
    const file = await this.#fs.open(this.#path);
    try {
      // Random bytes: a file system that compresses would allocate next to nothing for others.
      await file.write(randomFillSync(Buffer.allocUnsafe(RESERVE_SIZE)), 0);
      await file.datasync();
    } finally {
      await file.close();
    }
  }
}
