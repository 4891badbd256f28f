import { SdmError } from '../../common/errors.js';
import { Limiter } from './limiter.js';
import { retry } from './retry.js';
import type { Headers, OpenTransport, Transport } from './transport.js';

/** ms; how long each kind of call may take, and for how long a passing failure is tried again. */
export interface Timeouts {
  /** Grants, ports, questions. */
  readonly callMs: number;
  /** The agent waits for its link and onlines each block. */
  readonly attachMs: number;
  /** The agent offlines each block. */
  readonly detachMs: number;
  /** The lender zeroes and reads back. */
  readonly scrubMs: number;
  readonly retryMs: number;
}

export const TIMEOUTS: Timeouts = {
  callMs: 10_000,
  attachMs: 60_000,
  detachMs: 120_000,
  scrubMs: 120_000,
  retryMs: 3_000,
};

/** Calls under way at one daemon; the others wait. */
export const AT_ONCE = 8;

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly timeoutMs: number;
  /** Default: the configured one. */
  readonly retryMs?: number;
  readonly signal?: AbortSignal;
  /** Asks how it is: what is under way there does not hold that up. */
  readonly look?: true;
}

/** Looks under way at one daemon, beside its calls. */
const LOOKS_AT_ONCE = 4;

/** Beyond its deadline a call that has not ended hangs. */
const CALL_MARGIN_MS = 60_000;

interface Running {
  readonly what: string;
  readonly since: number;
  readonly timeoutMs: number;
}

interface Peer {
  readonly transport: Transport;
  readonly limiter: Limiter;
  readonly looks: Limiter;
}

export interface DaemonsOptions {
  readonly open: OpenTransport;
  /** Who commands: the controller's name and term. */
  readonly headers: Headers;
  readonly timeouts: Timeouts;
  readonly atOnce?: number;
}

/** The daemons of the rack by their addresses: one connection pool and one queue for each. */
export class Daemons {
  readonly timeouts: Timeouts;
  readonly #options: DaemonsOptions;
  readonly #running = new Set<Running>();
  readonly #peers = new Map<string, Peer>();

  constructor(options: DaemonsOptions) {
    this.#options = options;
    this.timeouts = options.timeouts;
  }

  /**
   * Asks until it is answered, at most for `retryMs` beyond the first failure.
   * @returns the answer's body.
   * @throws SDM_UNREACHABLE, SDM_TIMEOUT; the other side's own error.
   */
  async call(address: string, call: Call): Promise<unknown> {
    const { transport, limiter: calls, looks } = this.#peer(address);
    const { method, path, body, timeoutMs, signal } = call;
    const { headers } = this.#options;
    const retryMs = call.retryMs ?? this.timeouts.retryMs;
    const limiter = call.look === true ? looks : calls;
    const patience = {
      ms: timeoutMs,
      error: () => {
        const message = `${method} ${path} at ${address} waited for ${timeoutMs} ms: what is under way there does not end`;
        return new SdmError('SDM_TIMEOUT', message, { details: { address } });
      },
    };
    return retry({ retryMs, signal }, () =>
      limiter.run(async () => {
        const what = `${method} ${path} at ${address}`;
        const running = { what, since: performance.now(), timeoutMs };
        this.#running.add(running);
        try {
          return await transport.request({
            ...{ method, path, headers, timeoutMs },
            ...(body === undefined ? {} : { body }),
            ...(signal === undefined ? {} : { signal }),
          });
        } finally {
          this.#running.delete(running);
        }
      }, patience),
    );
  }

  /** Of performance.now(): when a call had to wait last because its daemon had enough of them. */
  get waitedAt(): number {
    return Math.max(-Infinity, ...[...this.#peers.values()].map(({ limiter }) => limiter.waitedAt));
  }

  /** A call that goes on far beyond its deadline, in a sentence. */
  overdue(): string | undefined {
    const now = performance.now();
    for (const { what, since, timeoutMs } of this.#running) {
      const ms = now - since;
      if (ms <= timeoutMs + CALL_MARGIN_MS) continue;
      return `${what} has been under way for ${Math.round(ms / 1000)} s; its deadline is ${timeoutMs} ms`;
    }
    return undefined;
  }

  close(): void {
    for (const { transport } of this.#peers.values()) transport.close();
    this.#peers.clear();
  }

  #peer(address: string): Peer {
    let peer = this.#peers.get(address);
    if (peer === undefined) {
      const { open, atOnce = AT_ONCE } = this.#options;
      const [limiter, looks] = [new Limiter(atOnce), new Limiter(LOOKS_AT_ONCE)];
      peer = { transport: open(address), limiter, looks };
      this.#peers.set(address, peer);
    }
    return peer;
  }
}
