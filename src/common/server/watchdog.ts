import { SdmError } from '../errors.js';
import type { Native } from '../../native/types.js';

/** Between two requests for more time, and what each asks for: twice that, and a margin. */
const EXTEND_EVERY_MS = 10_000;
const EXTEND_MS = 30_000;
/** A start whose steps all keep their deadlines is long over by then. */
const START_LIMIT_MS = 30 * 60_000;

export interface WatchdogOptions {
  readonly native: Pick<Native, 'sdNotify'>;
  readonly log: Record<'error' | 'warn', (fields: object, text: string) => void>;
  /** Why the daemon no longer works as it should, as a sentence; undefined: it does. */
  readonly overdue: () => string | undefined;
  /** One line for `systemctl status`. */
  readonly status: () => string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * What a daemon tells systemd (sd_notify(3)): that it needs more time to start or stop, that it is
 * ready, and, at half the interval of the unit's WatchdogSec, that it is alive. The pings come from the
 * event loop, so one that hangs sends none, and they stop when a command is far beyond its deadlines.
 * Without systemd all of this does nothing.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  #timer: NodeJS.Timeout | undefined;
  #silent = false;
  #status = '';

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  /** The daemon starts: asks for more time until {@link ready}, but not forever. */
  starting(): void {
    const began = performance.now();
    this.#every(EXTEND_EVERY_MS, () => {
      if (performance.now() - began > START_LIMIT_MS) return this.stop();
      this.#say(`EXTEND_TIMEOUT_USEC=${EXTEND_MS * 1000}`);
    });
  }

  /**
   * The daemon serves. Pings begin.
   * @throws SdmError SDM_SYSTEM if $NOTIFY_SOCKET cannot be reached: systemd would wait in vain.
   */
  ready(): void {
    const { native, env = process.env } = this.#options;
    this.#status = this.#options.status();
    native.sdNotify(`READY=1\nSTATUS=${this.#status}`);
    const interval = pingInterval(env, process.pid);
    if (interval === undefined) return this.stop();
    this.#every(interval, () => this.#ping());
  }

  /** The daemon stops, which takes `deadlineMs` at most. Pings end: systemd waits for none any more. */
  stopping(deadlineMs: number): void {
    this.stop();
    this.#say(`STOPPING=1\nEXTEND_TIMEOUT_USEC=${deadlineMs * 1000}`);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #every(ms: number, act: () => void): void {
    this.stop();
    act();
    this.#timer = setInterval(act, ms).unref();
  }

  #ping(): void {
    const why = this.#options.overdue();
    if (why !== undefined) {
      if (!this.#silent) this.#options.log.error({ why }, `no ping for the watchdog: ${why}`);
      this.#silent = true;
      return;
    }
    this.#silent = false;
    const status = this.#options.status();
    this.#say(status === this.#status ? 'WATCHDOG=1' : `WATCHDOG=1\nSTATUS=${status}`);
    this.#status = status;
  }

  /** What cannot be said now is no reason to end: systemd acts by what it hears. */
  #say(state: string): void {
    try {
      this.#options.native.sdNotify(state);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#options.log.warn({ err: error }, `systemd could not be told: ${message}`);
    }
  }
}

/**
 * Half of what systemd allows between two signs of life, ms; undefined: it asks for none.
 * @throws SdmError SDM_CONFIG for a WATCHDOG_USEC that is no number above zero.
 */
export function pingInterval(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): number | undefined {
  const text = env['WATCHDOG_USEC'];
  // Inherited by a process that it is not about.
  if (text === undefined || (env['WATCHDOG_PID'] ?? String(pid)) !== String(pid)) return undefined;
  const microseconds = Number(text);
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(microseconds) || microseconds === 0) {
    throw new SdmError(
      'SDM_CONFIG',
      `WATCHDOG_USEC is "${text}"; expected microseconds, as systemd sets it from WatchdogSec`,
    );
  }
  return Math.max(1, Math.floor(microseconds / 2000));
}
