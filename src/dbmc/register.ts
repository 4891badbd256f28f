import { setTimeout as delay } from 'node:timers/promises';
import { SdmError } from '../common/errors.js';
import type { Logger } from '../common/log.js';
import type { Board, BoardEvent } from './board/types.js';

/** Asks the controller. @throws SdmError as it answered, SDM_UNREACHABLE, SDM_TIMEOUT. */
export type Ask = (path: string, body: unknown, timeoutMs: number) => Promise<unknown>;

export interface RegistrarOptions {
  readonly ask: Ask;
  readonly id: string;
  readonly role: 'tray' | 'rack';
  readonly rack: number;
  readonly box: number | undefined;
  /** Where the controller reaches this daemon. */
  readonly address: string;
  /** Differs from run to run of the daemon. */
  readonly run: string;
  readonly board: Board;
  readonly log: Logger;
}

/** ms */
const CALL_MS = 5_000;
/** A controller that was started again knows nothing of this tray until then. */
const AGAIN_MS = 10_000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 2_000;
/** Kept for a controller that does not answer; who missed some reads the board. */
const MOST_EVENTS = 1024;

interface Told {
  readonly seq: number;
  readonly time: string;
  readonly event: BoardEvent;
}

/**
 * Tells the controller that this tray is there, again and again, and what changes on it, in order. A
 * controller that does not answer is asked again, ever more seldom, and holds nothing up here.
 */
export class Registrar {
  readonly #options: RegistrarOptions;
  readonly #ended = new AbortController();
  readonly #unsubscribe: () => void;
  readonly #running: Promise<void>;
  #events: Told[] = [];
  #seq = 0;
  #registered = false;
  #error: string | undefined;
  #wake: () => void = () => {};

  constructor(options: RegistrarOptions) {
    this.#options = options;
    this.#unsubscribe = options.board.subscribe((event) => {
      if (event.kind === 'faults.set') return; // of interest to tests alone
      this.#events.push({ seq: ++this.#seq, time: new Date().toISOString(), event });
      if (this.#events.length > MOST_EVENTS) this.#events.shift();
      this.#wake();
    });
    this.#running = this.#run();
  }

  get registered(): boolean {
    return this.#registered;
  }

  /** Why it was not reached, the last time. */
  get error(): string | undefined {
    return this.#error;
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    this.#ended.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      try {
        if (!this.#registered) await this.#register();
        await this.#tell();
        retryMs = FIRST_RETRY_MS;
        // events are told at once; without one the tray says in a while that it is still there
        const woken = await this.#sleep(AGAIN_MS);
        if (!woken) this.#registered = false;
      } catch (error) {
        this.#failed(error, retryMs);
        await delay(retryMs, undefined, { signal }).catch(() => {});
        retryMs = Math.min(LAST_RETRY_MS, retryMs * 2);
      }
    }
  }

  async #register(): Promise<void> {
    const { ask, id, role, rack, box, address, run, board, log } = this.#options;
    await ask(
      '/v1/trays',
      {
        ...{ id, role, rack, address, run, emulated: board.emulated },
        ...(box !== undefined && { box }),
        bricks: board.bricks(),
        switches: board.switches().map(({ id: name, kind, ports }) => ({ id: name, kind, ports })),
      },
      CALL_MS,
    );
    if (this.#error !== undefined) log.info({ id }, 'the controller knows of this tray again');
    this.#registered = true;
    this.#error = undefined;
  }

  async #tell(): Promise<void> {
    const { ask, id, run } = this.#options;
    while (this.#events.length > 0) {
      const events = this.#events.slice(0, MOST_EVENTS);
      await ask(
        `/v1/trays/${id}/events`,
        { run, events: events.map(({ seq, time, event }) => ({ seq, time, ...event })) },
        CALL_MS,
      );
      const last = events.at(-1)?.seq ?? 0;
      this.#events = this.#events.filter(({ seq }) => seq > last);
    }
  }

  #failed(error: unknown, retryMs: number): void {
    if (!(error instanceof SdmError)) throw error;
    if (this.#registered || this.#error === undefined) {
      this.#options.log.warn(
        { code: error.code, retryMs },
        `the controller is not told: ${error.message}`,
      );
    }
    this.#registered = false;
    this.#error = error.message;
  }

  /** @returns whether there is something to tell before the time is over. */
  async #sleep(ms: number): Promise<boolean> {
    if (this.#events.length > 0) return true;
    const { signal } = this.#ended;
    const woken = new Promise<boolean>((resolve) => (this.#wake = () => resolve(true)));
    const timer = new AbortController();
    const slept = delay(ms, false, { signal: AbortSignal.any([signal, timer.signal]) }).catch(
      () => true,
    );
    const result = await Promise.race([woken, slept]);
    timer.abort();
    return result;
  }
}
