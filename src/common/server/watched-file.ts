import { statSync } from 'node:fs';
import type { Logger } from '../log.js';

/** How often it is looked whether a file changed, at most. */
const LOOK_MS = 500;

/** What a small file says, read again when it has changed. */
export class WatchedFile<T> {
  readonly #path: string;
  readonly #read: (path: string) => T;
  readonly #broken: T;
  readonly #log: Logger | undefined;
  #value: T;
  #version: string;
  #looked = performance.now();

  /**
   * @param broken what holds from when the file cannot be used any more until it can be again.
   * @param log none where whoever asks is told of it.
   * @throws what `read` throws the first time.
   */
  constructor(path: string, read: (path: string) => T, broken: T, log?: Logger) {
    this.#path = path;
    this.#read = read;
    this.#broken = broken;
    this.#log = log;
    this.#version = versionOf(path);
    this.#value = read(path);
  }

  value(): T {
    const now = performance.now();
    if (now - this.#looked < LOOK_MS) return this.#value;
    this.#looked = now;
    const version = versionOf(this.#path);
    if (version === this.#version) return this.#value;
    this.#version = version;
    try {
      this.#value = this.#read(this.#path);
      this.#log?.info({ file: this.#path }, 'read again: the file has changed');
    } catch (error) {
      this.#value = this.#broken;
      const message = error instanceof Error ? error.message : String(error);
      this.#log?.error({ file: this.#path }, `${message}; until then nobody passes by it`);
    }
    return this.#value;
  }
}

/** Differs when a file was written or replaced; the same for all times at which there is none. */
function versionOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? '' : `${stat.ino} ${stat.mtimeNs} ${stat.ctimeNs} ${stat.size}`;
}
