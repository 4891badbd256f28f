import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { SdmError } from '../common/errors.js';
import type { Logger } from '../common/log.js';
import { Qmp } from '../rack/qmp.js';
import { setLink } from '../rack/registers.js';
import { setLinkThrough } from '../rack/sdm-device.js';

/** Where the other side of a brick's transceivers is. */
export type LinkPlace =
  /** A register file that brick and tray map. */
  | { readonly registers: string }
  /** A QEMU with sdm-memport, by a QMP socket that nobody else uses. */
  | { readonly qmp: string };

/** For one link to be set: it is a store, or a question to QEMU. */
const SET_MS = 5000;
/** Between two tries where the other side is not there (yet). */
const RETRY_MS = 250;
/** A process that ended has no socket, or nobody listens at it. */
const GONE = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE']);

interface Target {
  set(transceiver: number, up: boolean): Promise<void>;
  /** Whether an error of `set` says that there is nothing whose link could be up. */
  isGone(error: unknown): boolean;
  close(): void;
}

/**
 * Brings links to what they should be: by place, one at a time, always to what is wanted at that moment,
 * so that no order of commands leaves a link as an earlier one wanted it.
 */
export class Links {
  readonly #targets = new Map<string, Target>();
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #wanted: (brick: string, transceiver: number) => boolean;
  readonly #log: Logger;
  readonly #ended = new AbortController();

  /**
   * @param places by brick; a brick without one has no registers that this tray could reach.
   * @param transceivers of a brick that hang on a switch of this tray.
   * @param wanted whether a link should be up now.
   */
  constructor(
    places: ReadonlyMap<string, LinkPlace>,
    transceivers: (brick: string) => readonly number[],
    wanted: (brick: string, transceiver: number) => boolean,
    log: Logger,
  ) {
    this.#wanted = wanted;
    this.#log = log;
    for (const [brick, place] of places) {
      const refresh = (): void => this.#refresh(brick, transceivers(brick));
      this.#targets.set(
        brick,
        'qmp' in place
          ? new QemuTarget(place.qmp, refresh, this.#ended.signal)
          : new FileTarget(place.registers),
      );
      // What a daemon before this one left, or whoever formatted the registers.
      if (!('qmp' in place)) refresh();
    }
  }

  /**
   * Resolves when the link is as it is wanted; a link that is to be down and whose machine is gone is.
   * @throws SDM_PORT_FAULT with the reason.
   */
  async update(brick: string, transceiver: number): Promise<void> {
    const target = this.#targets.get(brick);
    if (target === undefined) return;
    const before = this.#turns.get(brick) ?? Promise.resolve();
    const turn = before.then(() => target.set(transceiver, this.#wanted(brick, transceiver)));
    this.#turns.set(
      brick,
      turn.catch(() => {}),
    );
    try {
      await turn;
    } catch (cause) {
      // it is down by itself, and a machine that comes is set to what is wanted then
      if (!this.#wanted(brick, transceiver) && target.isGone(cause)) return;
      throw new SdmError(
        'SDM_PORT_FAULT',
        `the link of transceiver ${transceiver} of brick ${brick} cannot be set: ${(cause as Error).message}`,
        { details: { brick, transceiver }, cause },
      );
    }
  }

  close(): void {
    this.#ended.abort();
    for (const target of this.#targets.values()) target.close();
  }

  /** Until it is done: the brick may not be there yet. */
  #refresh(brick: string, transceivers: readonly number[]): void {
    const { signal } = this.#ended;
    void (async () => {
      for (let told = false; !signal.aborted;) {
        try {
          for (const transceiver of transceivers) await this.update(brick, transceiver);
          return;
        } catch (error) {
          if (!told) this.#log.warn({ brick, err: error }, 'its links are set when they can be');
          told = true;
        }
        await delay(RETRY_MS, undefined, { signal }).catch(() => {});
      }
    })();
  }
}

class FileTarget implements Target {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async set(transceiver: number, up: boolean): Promise<void> {
    await setLink(this.#path, transceiver, up);
  }

  isGone(): boolean {
    return !existsSync(this.#path);
  }

  close(): void {}
}

/** A connection that is kept: when it breaks QEMU has ended, and the next one has all links up. */
class QemuTarget implements Target {
  readonly #path: string;
  readonly #signal: AbortSignal;
  readonly #opened: () => void;
  #qmp: Qmp | undefined;
  #opening: Promise<Qmp> | undefined;

  constructor(path: string, opened: () => void, signal: AbortSignal) {
    this.#path = path;
    this.#opened = opened;
    this.#signal = signal;
    void this.#keep();
  }

  async set(transceiver: number, up: boolean): Promise<void> {
    const qmp = this.#qmp ?? (await this.#open());
    await setLinkThrough(qmp, transceiver, up);
  }

  /** One that does not answer is not gone: its device may still pass what comes. */
  isGone(error: unknown): boolean {
    if (!(error instanceof SdmError) || error.code !== 'SDM_UNREACHABLE') return false;
    const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
    return code === undefined || GONE.has(code);
  }

  close(): void {
    this.#qmp?.close();
  }

  async #keep(): Promise<void> {
    while (!this.#signal.aborted) {
      try {
        const qmp = await this.#open();
        this.#opened();
        await qmp.lost;
      } catch {
        // not there yet: nobody waits for this but the next try
      }
      this.#qmp = undefined;
      await delay(RETRY_MS, undefined, { signal: this.#signal }).catch(() => {});
    }
  }

  #open(): Promise<Qmp> {
    this.#opening ??= Qmp.open(this.#path, SET_MS)
      .then((qmp) => (this.#qmp = qmp))
      .finally(() => (this.#opening = undefined));
    return this.#opening;
  }
}
