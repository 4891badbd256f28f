import type { ServerResponse } from 'node:http';
import { SdmError } from '../errors.js';
import type { Logger } from '../log.js';
import type { EventSource, Position } from './event-log.js';

/** Against clients that are many or do not read. Milliseconds. */
export interface StreamLimits {
  /** Open at once. */
  readonly maxStreams: number;
  /** Between two comments on a stream on which nothing happens. */
  readonly keepAliveMs: number;
  /** A client that has not taken within it what was sent is cut off. */
  readonly stallMs: number;
}

export const STREAM_LIMITS: StreamLimits = {
  maxStreams: 32,
  keepAliveMs: 15_000,
  stallMs: 30_000,
};

export const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
} as const;

/** Says how soon to come back after the stream broke, and that it is open. */
const GREETING = 'retry: 1000\n\n';
/** A write joins events up to about this many characters. */
const CHUNK = 16 * 1024;

/**
 * Server-Sent Events, each stream at its own place in the log. What a client has not taken yet stays
 * in the log and not in a buffer of its own; if it is dropped there, the client is told of the gap.
 */
export class EventStreams {
  readonly #log: EventSource;
  readonly #limits: StreamLimits;
  readonly #logger: Logger;
  readonly #streams = new Set<EventStream>();
  #unsubscribe: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(log: EventSource, limits: StreamLimits, logger: Logger) {
    this.#log = log;
    this.#limits = limits;
    this.#logger = logger;
  }

  /** To be asked before an answer is begun. @throws SDM_TOO_MANY, SDM_STOPPING. */
  checkRoom(): void {
    if (this.#closed)
      throw new SdmError('SDM_STOPPING', 'this daemon is stopping; come back later');
    const { maxStreams } = this.#limits;
    if (this.#streams.size < maxStreams) return;
    throw new SdmError(
      'SDM_TOO_MANY',
      `${maxStreams} event streams are open, and this daemon serves no more: end one that is not ` +
        'needed',
      { details: { streams: maxStreams } },
    );
  }

  /**
   * Answers with the events after `id`, or all that are kept; the answer is this stream's from now.
   * @param mayRead looked at now and then; once it throws, the stream ends.
   * @param follow goes on with those to come; otherwise the stream ends with the last one there is.
   */
  open(
    response: ServerResponse,
    id: string | undefined,
    follow: boolean,
    mayRead: () => void,
  ): void {
    if (response.closed) return;
    const position = this.#log.after(id);
    const stream = new EventStream(this.#log, response, position, {
      until: follow ? undefined : this.#log.next,
      stallMs: this.#limits.stallMs,
      mayRead,
      logger: this.#logger,
    });
    this.#streams.add(stream);
    this.#unsubscribe ??= this.#log.subscribe(() => this.#each((each) => each.pump()));
    this.#timer ??= setInterval(
      () => this.#each((each) => each.keepAlive()),
      this.#limits.keepAliveMs,
    ).unref();
    response.once('close', () => {
      stream.closed();
      this.#streams.delete(stream);
      if (this.#streams.size === 0) this.#rest();
    });
    stream.pump();
  }

  /** Ends all streams, and refuses new ones. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#each((stream) => stream.end());
    this.#rest();
  }

  #each(act: (stream: EventStream) => void): void {
    for (const stream of this.#streams) act(stream);
  }

  #rest(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

interface StreamOptions {
  /** Number of the event to end before; undefined: never. */
  readonly until: number | undefined;
  readonly stallMs: number;
  readonly mayRead: () => void;
  readonly logger: Logger;
}

class EventStream {
  readonly #log: EventSource;
  readonly #response: ServerResponse;
  readonly #options: StreamOptions;
  #next: number;
  #gap: Position['gap'];
  /** Runs while the client takes nothing. */
  #stalled: NodeJS.Timeout | undefined;

  constructor(log: EventSource, response: ServerResponse, at: Position, options: StreamOptions) {
    this.#log = log;
    this.#response = response;
    this.#options = options;
    this.#next = at.next;
    this.#gap = at.gap;
    response.writeHead(200, STREAM_HEADERS);
    response.on('drain', () => this.#drained());
    // the connection broke: `close` follows, and there is nobody to tell
    response.on('error', () => {});
    this.#write(GREETING);
  }

  /** Writes what is there, as long as the client takes it. */
  pump(): void {
    while (this.#stalled === undefined && !this.#response.writableEnded) {
      const chunk = this.#chunk();
      if (chunk === '') {
        if (this.#done()) this.end();
        return;
      }
      this.#write(chunk);
    }
  }

  keepAlive(): void {
    try {
      this.#options.mayRead();
    } catch {
      return this.end(); // who comes back is told why
    }
    if (this.#stalled === undefined && !this.#response.writableEnded) this.#write(':\n\n');
  }

  end(): void {
    this.#response.end();
  }

  closed(): void {
    clearTimeout(this.#stalled);
  }

  #done(): boolean {
    const { until } = this.#options;
    return until !== undefined && this.#next >= until;
  }

  #chunk(): string {
    let text = '';
    if (this.#next < this.#log.first) {
      this.#next = this.#log.first;
      this.#gap = 'dropped';
    }
    if (this.#gap !== undefined) text = this.#gapText(this.#gap);
    this.#gap = undefined;
    while (text.length < CHUNK && !this.#done()) {
      const event = this.#log.at(this.#next);
      if (event === undefined) break;
      text += `id: ${event.id}\nevent: ${event.kind}\ndata: ${event.data}\n\n`;
      this.#next += 1;
    }
    return text;
  }

  #gapText(reason: NonNullable<Position['gap']>): string {
    const event = this.#log.idBefore(this.#next);
    const data = { event, time: new Date().toISOString(), kind: 'gap', reason };
    return `id: ${event}\nevent: gap\ndata: ${JSON.stringify(data)}\n\n`;
  }

  #write(text: string): void {
    if (this.#response.write(text)) return;
    const { stallMs, logger } = this.#options;
    this.#stalled = setTimeout(() => {
      logger.info({ stallMs }, 'an event stream is cut off: its client does not read');
      this.#response.destroy();
    }, stallMs).unref();
  }

  #drained(): void {
    clearTimeout(this.#stalled);
    this.#stalled = undefined;
    this.pump();
  }
}
