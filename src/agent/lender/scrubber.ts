import { SdmError } from '../../common/errors.js';
import { codeOf, errorView, messageOf } from '../memory/errors.js';
import type { Faults } from '../faults.js';
import type { ErrorView, Log } from '../types.js';
import type { LenderObserver } from './events.js';
import type { LenderJournal } from './journal.js';
import type { Pool } from './pool.js';
import { rangeOfRun, runsOf, type Geometry, type Run } from './runs.js';
import type { ScrubProof } from './types.js';

/** What is scrubbed at once, at most: several threads share what is larger. */
const PIECE_BYTES = 1n << 30n;
/** Between two attempts: twice as long each time. */
const RETRY_MS = { first: 1_000, most: 60_000 };

export interface ScrubberParts {
  readonly pool: Pool;
  readonly geometry: Geometry;
  readonly journal: LenderJournal;
  readonly log: Log;
  readonly observer: LenderObserver;
  readonly faults: Faults;
  /** How many pieces at a time. */
  readonly parallel: number;
  /** For one piece. */
  readonly timeoutMs: number;
  /** Default: {@link RETRY_MS}. */
  readonly retryMs?: { readonly first: number; readonly most: number };
}

interface Outcome {
  resolve(proof: ScrubProof): void;
  reject(error: unknown): void;
}

interface Piece {
  readonly run: Run;
  attempts: number;
  /** Told how the attempt ends that runs or comes next. */
  waiting: Outcome[];
  timer: NodeJS.Timeout | undefined;
  running: boolean;
  error: ErrorView | undefined;
}

/**
 * Makes segments clean: zero, proven to be, and known as such in the journal. What fails stays dirty
 * and is tried again. All on threads of the addon; here are only their beginnings and ends.
 */
export class Scrubber {
  readonly #parts: ScrubberParts;
  readonly #pieces = new Map<number, Piece>();
  readonly #queue: Piece[] = [];
  readonly #ended = new AbortController();
  #running = 0;
  readonly #idle: (() => void)[] = [];

  constructor(parts: ScrubberParts) {
    this.#parts = parts;
  }

  isRunning(segment: number): boolean {
    return this.#pieces.get(segment)?.running === true;
  }

  errorOf(segment: number): ErrorView | undefined {
    return this.#pieces.get(segment)?.error;
  }

  /** Pieces that wait or run. */
  get pending(): number {
    return new Set(this.#pieces.values()).size;
  }

  /**
   * @param segments dirty ones, rising; some may be under way already.
   * @returns what shows it, when all of them are clean; undefined for none.
   * @throws of an attempt: SDM_SCRUB, SDM_TIMEOUT, SDM_SYSTEM, SDM_JOURNAL; others are tried by itself.
   */
  async scrub(segments: readonly number[]): Promise<ScrubProof | undefined> {
    const fresh = segments.filter((segment) => !this.#pieces.has(segment));
    for (const run of this.#cut(runsOf(fresh))) {
      const piece: Piece = {
        run,
        attempts: 0,
        waiting: [],
        timer: undefined,
        running: false,
        error: undefined,
      };
      for (let i = 0; i < run.count; i++) this.#pieces.set(run.first + i, piece);
      this.#queue.push(piece);
    }
    const pieces = [...new Set(segments.map((segment) => this.#pieces.get(segment)!))];
    const proofs = await this.#outcomes(pieces);
    return proofs.reduce<ScrubProof | undefined>(weaker, undefined);
  }

  /** Ends what runs, and begins nothing more: the next lender does. */
  async close(): Promise<void> {
    this.#ended.abort();
    for (const piece of new Set(this.#pieces.values())) {
      clearTimeout(piece.timer);
      if (!piece.running) this.#tell(piece, ({ reject }) => reject(stopping()));
    }
    this.#queue.length = 0;
    if (this.#running > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #cut(runs: readonly Run[]): Run[] {
    const most = Math.max(1, Number(PIECE_BYTES / this.#parts.geometry.segmentSize));
    return runs.flatMap(({ first, count }) =>
      Array.from({ length: Math.ceil(count / most) }, (_, i) => ({
        first: first + i * most,
        count: Math.min(most, count - i * most),
      })),
    );
  }

  async #outcomes(pieces: readonly Piece[]): Promise<ScrubProof[]> {
    const all = pieces.map(
      (piece) =>
        new Promise<ScrubProof>((resolve, reject) => {
          piece.waiting.push({ resolve, reject });
          if (piece.timer === undefined) return;
          // it waits for its next attempt: somebody asks, so now
          clearTimeout(piece.timer);
          piece.timer = undefined;
          this.#queue.push(piece);
        }),
    );
    this.#pump();
    // every one has ended before the first failure is told
    const ended = await Promise.allSettled(all);
    return ended.map((each) => {
      if (each.status === 'rejected') throw each.reason;
      return each.value;
    });
  }

  #pump(): void {
    while (this.#running < this.#parts.parallel && !this.#ended.signal.aborted) {
      const piece = this.#queue.shift();
      if (piece === undefined) return;
      this.#running += 1;
      piece.running = true;
      void this.#attempt(piece).finally(() => {
        this.#running -= 1;
        this.#pump();
        if (this.#running === 0) for (const resolve of this.#idle.splice(0)) resolve();
      });
    }
  }

  async #attempt(piece: Piece): Promise<void> {
    const { observer, geometry, log } = this.#parts;
    const range = rangeOfRun(geometry, piece.run);
    const began = performance.now();
    try {
      const proof = await this.#prove(piece.run);
      const ms = performance.now() - began;
      for (let i = 0; i < piece.run.count; i++) this.#pieces.delete(piece.run.first + i);
      observer.event({ kind: 'scrubbed', range, ms, proof });
      this.#tell(piece, ({ resolve }) => resolve(proof));
    } catch (error) {
      piece.running = false;
      piece.attempts += 1;
      piece.error = errorView(error);
      if (!this.#ended.signal.aborted) {
        observer.event({ kind: 'scrub-failed', range, error: piece.error });
        log.error({ err: error, ...piece.run }, `a scrub failed: ${messageOf(error)}`);
        this.#later(piece);
      }
      this.#tell(piece, ({ reject }) => reject(error));
    }
  }

  /** Zero, proven, and known to be. */
  async #prove(run: Run): Promise<ScrubProof> {
    const { pool, geometry, journal, faults, timeoutMs } = this.#parts;
    await faults.at('scrub.before');
    const late = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([late, this.#ended.signal]);
    const proof = await pool.scrub(rangeOfRun(geometry, run), signal).catch((error: unknown) => {
      if (codeOf(error) !== 'SDM_ABORTED') throw error;
      throw this.#ended.signal.aborted ? stopping() : tooLong(timeoutMs, error);
    });
    await faults.at('scrub.proven');
    await journal.record({ kind: 'segments', run, state: 'clean' });
    await faults.at('scrub.journalled');
    return proof;
  }

  #later(piece: Piece): void {
    const { first, most } = this.#parts.retryMs ?? RETRY_MS;
    const ms = Math.min(most, first * 2 ** (piece.attempts - 1));
    piece.timer = setTimeout(() => {
      piece.timer = undefined;
      this.#queue.push(piece);
      this.#pump();
    }, ms).unref();
  }

  #tell(piece: Piece, how: (outcome: Outcome) => void): void {
    for (const outcome of piece.waiting.splice(0)) how(outcome);
  }
}

/** What holds for both. */
function weaker(a: ScrubProof | undefined, b: ScrubProof): ScrubProof {
  if (a === undefined) return b;
  return {
    method: a.method === 'punch' ? b.method : 'fill',
    holes: a.holes && b.holes,
    zeroes: a.zeroes && b.zeroes,
  };
}

function tooLong(timeoutMs: number, cause: unknown): SdmError {
  return new SdmError(
    'SDM_TIMEOUT',
    `a scrub was not done within ${timeoutMs} ms; it is tried again (scrub.timeoutMs in the ` +
      'configuration)',
    { details: { timeoutMs }, cause },
  );
}

function stopping(): SdmError {
  return new SdmError(
    'SDM_STOPPING',
    'the lender is stopping; the scrub begins anew when it is back: ask again then',
  );
}
