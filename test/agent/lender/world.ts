import {
  closeSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Faults } from '../../../src/agent/faults.js';
import { nodeFs } from '../../../src/agent/journal/node-fs.js';
import { openJournalOf } from '../../../src/agent/journal/index.js';
import type { JournalFs } from '../../../src/agent/journal/fs.js';
import type { LenderEvent } from '../../../src/agent/lender/events.js';
import { LENDER } from '../../../src/agent/lender/journal.js';
import { Lender } from '../../../src/agent/lender/lender.js';
import { openPool, type Pool } from '../../../src/agent/lender/pool.js';
import type { GrantRequest } from '../../../src/agent/lender/types.js';
import { LOCAL, type Caller } from '../../../src/agent/types.js';
import { waitFor } from '../../../src/common/wait.js';
import { native } from '../../../src/native/index.js';
import { listen } from '../journal/entries.js';

export const SEGMENT = 1n << 16n;
/** The pool has a header, and a neighbour behind the part of the lender. */
export const BASE = 2n * SEGMENT;
const LOG = listen();
const NEVER = new Promise<never>(() => {});

export const RACK: Caller = { owner: 'rack', epoch: 1n };
export const NEXT: Caller = { owner: 'rack-b', epoch: 2n };

/** Segments by their numbers as a request names them. */
export function ranges(...runs: readonly (readonly [first: number, count: number])[]) {
  return runs.map(([first, count]) => ({
    start: BASE + BigInt(first) * SEGMENT,
    size: BigInt(count) * SEGMENT,
  }));
}

export const asking = (
  first: number,
  count: number,
  rest: Omit<GrantRequest, 'ranges'> = {},
): GrantRequest => ({ ranges: ranges([first, count]), ...rest });

/** What a life is to meet. */
export interface Fate {
  /** Where it is to stop for ever. */
  dieAt?: string | undefined;
  /** In the place of the scrub, until it is undefined again. */
  scrub?: ((real: () => Promise<unknown>) => Promise<unknown>) | undefined;
}

/** A pool file, and the lenders that live on it one after the other. */
export class World {
  readonly directory: string;
  readonly pool: string;
  readonly segments: number;
  lender!: Lender;
  events: LenderEvent[] = [];
  fate: Fate = {};
  /** What tells this boot from others. */
  boot = 'boot-1';
  #kill: () => Promise<void> = () => Promise.resolve();
  #arrived: Promise<void> = NEVER;

  constructor(parent: string, segments = 8) {
    this.directory = mkdtempSync(join(parent, 'lender-'));
    this.pool = join(this.directory, 'pool');
    this.segments = segments;
    writeFileSync(this.pool, '');
    truncateSync(this.pool, Number(BASE + BigInt(segments + 1) * SEGMENT));
  }

  /** Starts a lender, and waits until what can be clean is. */
  async start(fate: Fate = {}): Promise<Lender> {
    await this.begin(fate);
    await this.settled();
    return this.lender;
  }

  /** Nothing is being scrubbed. */
  async settled(): Promise<void> {
    const done = (): true | undefined => this.lender.scrubs === 0 || undefined;
    await waitFor('all scrubs', done, { timeoutMs: 10_000, intervalMs: 1 });
  }

  async begin(fate: Fate = {}): Promise<void> {
    this.fate = fate;
    this.events = [];
    const life = { dead: false };
    const running = new Set<Promise<unknown>>();
    const closing: (() => void)[] = [];
    let arrive = (): void => {};
    this.#arrived = new Promise<void>((resolve) => (arrive = resolve));
    const faults: Faults = {
      at: (point) => {
        if (life.dead) return NEVER;
        if (point !== this.fate.dieAt) return;
        arrive();
        return NEVER;
      },
    };
    const mortal = async <T>(call: () => Promise<T>): Promise<T> => {
      if (life.dead) return NEVER;
      const call_ = call();
      running.add(call_);
      const ended = await call_.then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      running.delete(call_);
      if (life.dead) return NEVER;
      if ('error' in ended) throw ended.error;
      return ended.value;
    };
    const fs = mortalFs(mortal, closing);
    const real = await openPool(native, this.pool, this.#geometry(), this.boot);
    closing.push(() => real.close());
    const pool: Pool = {
      ...{ name: real.name, life: real.life },
      scrub: (range, signal) =>
        mortal(() => {
          const scrub = () => real.scrub(range, signal);
          return (this.fate.scrub?.(scrub) ?? scrub()) as ReturnType<Pool['scrub']>;
        }),
      allocated: (range) => mortal(() => real.allocated(range)),
      close: () => real.close(),
    };
    this.#kill = async () => {
      life.dead = true;
      await Promise.allSettled(running);
      for (const close of closing) close();
    };
    try {
      const journal = await openJournalOf(LENDER, join(this.directory, 'state'), { log: LOG, fs });
      const opening = Lender.open({
        ...{ brick: '0.0.8', ...this.#geometry(), pool, journal, faults, log: LOG },
        observer: { event: (body) => void this.events.push(body) },
        scrub: { parallel: 2, timeoutMs: 5_000, retryMs: { first: 5, most: 20 } },
        queueTimeoutMs: 5_000,
      });
      const opened = await Promise.race([opening, this.#arrived]);
      if (opened !== undefined) this.lender = opened;
    } catch (error) {
      await this.#kill();
      throw error;
    }
  }

  /** Resolves when the lender stands where it is to die. */
  arrived(): Promise<void> {
    return this.#arrived;
  }

  /** As a SIGKILL: nothing of it goes on, and its locks are gone. */
  kill(): Promise<void> {
    return this.#kill();
  }

  #geometry() {
    return { base: BASE, size: BigInt(this.segments) * SEGMENT, segmentSize: SEGMENT };
  }

  put(id: string, request: GrantRequest, caller: Caller = LOCAL) {
    return this.lender.put(id, request, caller);
  }

  drop(id: string, retain = false, caller: Caller = LOCAL) {
    return this.lender.drop(id, { retain }, caller);
  }

  /** As a borrower does. */
  write(segment: number, byte: number): void {
    const fd = openSync(this.pool, 'r+');
    writeSync(fd, Buffer.alloc(Number(SEGMENT), byte), 0, Number(SEGMENT), place(segment));
    closeSync(fd);
  }

  /** What all bytes of a segment are; undefined where they differ. */
  read(segment: number): number | undefined {
    const fd = openSync(this.pool, 'r');
    const bytes = Buffer.alloc(Number(SEGMENT));
    readSync(fd, bytes, 0, bytes.length, place(segment));
    closeSync(fd);
    return bytes.every((byte) => byte === bytes[0]) ? bytes[0] : undefined;
  }

  states(): string[] {
    return this.lender
      .segments()
      .segments.flatMap(({ state, count }) => Array.from({ length: count }, () => state));
  }

  async remove(): Promise<void> {
    await this.#kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function place(segment: number): number {
  return Number(BASE + BigInt(segment) * SEGMENT);
}

/** A file system whose calls never end once the lender is dead. */
function mortalFs(
  mortal: <T>(call: () => Promise<T>) => Promise<T>,
  closing: (() => void)[],
): JournalFs {
  return {
    ...nodeFs,
    lock(path) {
      const lock = nodeFs.lock(path);
      closing.push(() => lock.close());
      return lock;
    },
    async open(path) {
      const file = await mortal(() => nodeFs.open(path));
      return {
        write: (bytes, position) => mortal(() => file.write(bytes, position)),
        truncate: (length) => mortal(() => file.truncate(length)),
        datasync: () => mortal(() => file.datasync()),
        close: () => file.close(),
      };
    },
    rename: (from, to) => mortal(() => nodeFs.rename(from, to)),
    remove: (path) => mortal(() => nodeFs.remove(path)),
    syncDirectory: (path) => mortal(() => nodeFs.syncDirectory(path)),
  };
}
