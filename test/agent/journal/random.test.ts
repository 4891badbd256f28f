import fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  JournalModel,
  type Journal,
  type JournalEntry,
  type JournalState,
} from '../../../src/agent/attachments/journal.js';
import { openJournal } from '../../../src/agent/journal/index.js';
import { modelOf } from '../../../src/agent/journal/snapshot.js';
import { anyEntry, anyNote, listen, record } from './entries.js';
import { PowerLossDisk, type DiskCall } from './power-loss.js';

const KIB = 1024;
const PLENTY = 64 << 20;

/** What may happen to a journal, weighed so that most runs do something before they end. */
const act = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('record' as const), entry: anyEntry }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('note' as const), entry: anyNote }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('bulk' as const), kib: fc.nat(1200) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('steps' as const), count: fc.nat(6) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('settle', 'tick', 'reopen', 'mend') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('kill', 'crash'),
      seed: fc.nat(),
      // how far opening gets before the power goes once more
      opening: fc.option(fc.nat(5), { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('room' as const), kib: fc.nat(1500) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('space' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('fail' as const),
      call: fc.constantFrom<DiskCall>('write', 'datasync', 'truncate', 'syncDirectory', 'rename'),
      errno: fc.constantFrom('EIO', 'ENOSPC'),
      times: fc.integer({ min: 1, max: 3 }),
    }),
  },
);
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

/** An entry that was handed in since the journal was opened, and what became of it. */
interface Handed {
  readonly entry: JournalEntry;
  fate: 'open' | 'acknowledged' | 'refused';
}

const takes = ({ entry }: Handed): boolean =>
  entry.kind === 'attach' || (entry.kind === 'memport' && entry.held !== null);

/** Chance that can be repeated. */
function chance(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function applied(base: JournalState, entries: readonly Handed[]): JournalModel {
  const model = modelOf(base);
  for (const { entry } of entries) model.apply(entry);
  return model;
}

/** Without the notes, which a refusal may take along. */
function withoutNotes(state: JournalState): JournalModel {
  const model = modelOf(state);
  for (const [id, known] of model.attachments) {
    model.attachments.set(id, { ...known, at: undefined });
  }
  return model;
}

/** A journal on a disk whose calls are let through one by one. */
class Run {
  readonly disk = new PowerLossDisk();
  readonly #calls: (() => void)[] = [];
  #journal!: Journal;
  #base: JournalState = new JournalModel();
  #handed: Handed[] = [];
  #disksFault = false;
  /** The disk was full or failed at some time, so that entries may be refused. */
  #trouble = false;
  #surprise: string | undefined;

  constructor() {
    this.disk.gate = () => new Promise((resolve) => this.#calls.push(resolve));
  }

  /** Opens, and compares what is found with what must be there. */
  async open(): Promise<void> {
    this.disk.mend();
    const log = listen();
    this.#journal = await this.#drive(openJournal('/state', { log, fs: this.disk.fs() }));
    this.#check(this.#journal.state());
    this.#base = modelOf(this.#journal.state());
    this.#handed = [];
    this.#disksFault = false;
  }

  /** All that was acknowledged is there, and of what came after it no more than a beginning. */
  #check(found: JournalState): void {
    expect(this.#surprise).toBeUndefined();
    const refusals = this.#handed.some(({ fate }) => fate === 'refused');
    const seen = refusals ? withoutNotes(found) : found;
    const fits = (entries: readonly Handed[]): boolean => {
      const model = applied(this.#base, entries);
      return isDeepStrictEqual(seen, refusals ? withoutNotes(model) : model);
    };
    const last = this.#handed.findLastIndex(({ fate }) => fate === 'acknowledged') + 1;
    const sure = this.#handed.slice(0, last).filter(({ fate }) => fate !== 'refused');
    const later = this.#handed.slice(last);
    const open = later.filter(({ fate }) => fate === 'open');
    // Of a group that was being written, what takes something may have been turned away.
    const tails = [open, open.filter((handed) => !takes(handed))];
    // Where the disk failed while refused entries were to be taken away, they may still be there.
    if (this.#disksFault) tails.push(...later.map((_, i) => later.slice(i)));
    for (const tail of tails) {
      for (let length = 0; length <= tail.length; length++) {
        if (fits([...sure, ...tail.slice(0, length)])) return;
      }
    }
    expect(seen).toEqual(applied(this.#base, sure));
    expect.unreachable('the states differ in what toEqual does not see');
  }

  /** Lets calls through until the promise is settled. */
  async #drive<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const done = promise.finally(() => (settled = true));
    done.catch(() => {});
    while (!settled) {
      if (!(await this.#step()) && !settled) throw new Error('the journal waits for nothing');
    }
    return done;
  }

  /** Lets one call through, and waits for what follows. @returns false where nothing waits then. */
  async #step(): Promise<boolean> {
    this.#calls.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
    return this.#calls.length > 0;
  }

  async #settle(): Promise<void> {
    let more = true;
    while (more) more = await this.#step();
    const open = this.#handed.filter(({ entry, fate }) => fate === 'open' && entry.kind !== 'at');
    expect(open).toEqual([]);
    const there = this.#handed.filter(({ fate }) => fate !== 'refused');
    const state = withoutNotes(this.#journal.state());
    expect(state).toEqual(withoutNotes(applied(this.#base, there)));
  }

  #record(entry: JournalEntry): void {
    const handed: Handed = { entry, fate: 'open' };
    this.#handed.push(handed);
    this.#journal.record(entry).then(
      () => (handed.fate = 'acknowledged'),
      (error: { code?: string; message: string }) => {
        handed.fate = 'refused';
        if (error.code !== 'SDM_JOURNAL' || !this.#trouble) this.#surprise ??= error.message;
      },
    );
  }

  async do(act: Act): Promise<void> {
    switch (act.do) {
      case 'record':
        return this.#record(act.entry);
      case 'note':
        this.#handed.push({ entry: act.entry, fate: 'open' });
        return this.#journal.note(act.entry);
      case 'bulk':
        for (let i = 0; i < act.kib; i += 20) {
          const error = { code: 'X', message: 'x'.repeat(20 * KIB) };
          this.#record({ kind: 'rest', attachment: record({ id: 'abcd'[i % 4]!, error }) });
        }
        return;
      case 'steps':
        for (let i = 0; i < act.count; i++) await this.#step();
        return;
      case 'settle':
        return this.#settle();
      case 'tick':
        return void vi.advanceTimersByTime(100);
      case 'room':
        this.#trouble = true;
        this.disk.capacity = this.disk.used + act.kib * KIB;
        return;
      case 'space':
        this.disk.capacity = PLENTY;
        return;
      case 'fail':
        this.#disksFault = true;
        this.#trouble = true;
        return this.disk.fail(act.call, ...Array<string>(act.times).fill(act.errno));
      case 'mend':
        return this.disk.mend();
      case 'reopen':
        await this.#drive(this.#journal.close());
        return this.open();
      case 'kill':
      case 'crash':
        return this.#end(act);
    }
  }

  async #end({ do: how, seed, opening }: Extract<Act, { seed: number }>): Promise<void> {
    const choose = chance(seed);
    const end = (): void => (how === 'kill' ? this.disk.kill() : this.disk.crash(choose));
    end();
    if (opening !== undefined) {
      this.disk.mend();
      void openJournal('/state', { log: listen(), fs: this.disk.fs() }).catch(() => {});
      for (let i = 0; i < opening; i++) await this.#step();
      end();
    }
    this.#calls.length = 0;
    await this.open();
  }
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

describe('whatever happens, and wherever the power goes', () => {
  test('all that was acknowledged is there, and it never looks corrupt', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 60 }), async (acts) => {
        const run = new Run();
        await run.open();
        for (const act of acts) await run.do(act);
        await run.do({ do: 'crash', seed: acts.length, opening: undefined });
        // with room again, everything works again
        await run.do({ do: 'space' });
        await run.do({ do: 'record', entry: { kind: 'attach', attachment: record() } });
        await run.do({ do: 'settle' });
        await run.do({ do: 'reopen' });
      }),
      { numRuns: Number(process.env['RUNS'] ?? 150) },
    );
  });
});
