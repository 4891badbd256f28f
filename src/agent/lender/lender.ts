import { CommandQueue, type Turn } from '../queue.js';
import { NO_FAULTS, type Faults } from '../faults.js';
import { checkCaller, checkOwner } from '../owners.js';
import { Terms } from '../terms.js';
import { Tombstones } from '../tombstones.js';
import { JOURNAL_BUDGET_MS } from '../budget.js';
import type { Caller, JournalView, Log } from '../types.js';
import { leaving, noGrant, restOf, scrubbedOf, within } from './answer.js';
import { begin } from './begin.js';
import {
  checkFree,
  checkGivenUp,
  checkMeant,
  checkSame,
  checkUngranted,
  recordOf,
  segmentsToScrub,
} from './checks.js';
import { NO_LENDER_OBSERVER, type LenderObserver } from './events.js';
import type { LenderJournal } from './journal.js';
import type { GrantRecord, LenderModel } from './model.js';
import { markDirty, type LenderParts } from './parts.js';
import type { Pool } from './pool.js';
import { segmentsOf } from './runs.js';
import { Scrubber, type ScrubberParts } from './scrubber.js';
import { scrubStray } from './stray.js';
import type {
  DropOptions,
  Grant,
  GrantRequest,
  LenderCore,
  LenderView,
  Scrubbed,
  ScrubRequest,
} from './types.js';
import { grantView, segmentsView } from './views.js';

/** How many grants that have ended are remembered, so that a repeated drop gets the same answer. */
const ENDED_MAX = 1024;
/** Commands give their turn away while they wait for anything: longer than this, and one hangs. */
const TURN_MS = 60_000;

export interface LenderDeps {
  readonly brick: string;
  readonly segmentSize: bigint;
  readonly base: bigint;
  readonly size: bigint;
  readonly pool: Pool;
  /** Closed with the lender. */
  readonly journal: LenderJournal;
  readonly log: Log;
  readonly observer?: LenderObserver;
  readonly faults?: Faults;
  /** Scrubs at a time, and how long one may take, ms. */
  readonly scrub: Pick<ScrubberParts, 'parallel' | 'timeoutMs' | 'retryMs'>;
  readonly queueTimeoutMs: number;
}

/** One memory brick: whose its segments are, and that they are zero before they are someone else's. */
export class Lender implements LenderCore {
  readonly #deps: LenderDeps;
  readonly #parts: LenderParts;
  readonly #terms: Terms;
  readonly #queue = new CommandQueue();
  readonly #ended = new Map<string, Scrubbed>();
  readonly #tombstones = new Tombstones();

  private constructor(deps: LenderDeps) {
    const { brick, base, size, segmentSize, pool, journal, log } = deps;
    const { faults = NO_FAULTS, observer = NO_LENDER_OBSERVER } = deps;
    const identity = { brick, pool: pool.name, base, size, segmentSize };
    const common = { pool, journal, log, faults, observer };
    const scrubber = new Scrubber({ ...deps.scrub, ...common, geometry: identity });
    this.#deps = deps;
    this.#parts = { ...common, identity, scrubber };
    this.#terms = new Terms({ backend: { writeEpoch() {} }, journal, log, observer, faults });
  }

  /**
   * Goes on from the journal. What nobody has and is not known to be clean is being scrubbed then;
   * what held bytes when a lender first saw it is left alone.
   * @throws SDM_JOURNAL_FOREIGN; SDM_JOURNAL; SDM_SYSTEM. Pool and journal are then still open.
   */
  static async open(deps: LenderDeps): Promise<Lender> {
    const lender = new Lender(deps);
    lender.#terms.load();
    await begin(lender.#parts);
    return lender;
  }

  /** As of all that was handed to the journal. */
  get #model(): LenderModel {
    return this.#deps.journal.state();
  }

  get brick(): string {
    return this.#parts.identity.brick;
  }

  /** Pieces of the pool that are being scrubbed, or wait for it. */
  get scrubs(): number {
    return this.#parts.scrubber.pending;
  }

  async view(): Promise<LenderView> {
    const { pool } = this.#deps;
    const { brick, base, size, segmentSize } = this.#parts.identity;
    const allocated = await pool.allocated({ start: base, size });
    return {
      brick,
      role: 'memory',
      pool: pool.name,
      base,
      size,
      segmentSize,
      ...(allocated === undefined ? {} : { allocated }),
      ...this.segments(),
    };
  }

  /** As `view`, without asking the pool. */
  segments(): Pick<LenderView, 'counts' | 'segments'> {
    return segmentsView(this.#model, this.#parts.identity, this.#parts.scrubber);
  }

  grants(): Grant[] {
    const { grants, leaving } = this.#model;
    return [
      ...[...grants.values()].map((grant) => grantView(this.#parts.identity, grant, 'granted')),
      ...[...leaving.values()].map(({ grant }) =>
        grantView(this.#parts.identity, grant, 'leaving', this.#parts.scrubber),
      ),
    ];
  }

  grant(id: string): Grant {
    const found = this.grants().find((grant) => grant.id === id);
    if (found === undefined) throw noGrant(id);
    return found;
  }

  async put(
    id: string,
    request: GrantRequest,
    caller: Caller,
  ): Promise<{ readonly grant: Grant; readonly created: boolean }> {
    const asked = recordOf(this.#parts.identity, id, request, caller.owner);
    return this.#run(`grant ${id}`, caller, [id], async (turn) => {
      const known = this.#model.grants.get(id);
      if (known !== undefined) {
        checkSame(known, asked);
        checkOwner(`grant ${id}`, known.owner, caller, { grant: id });
        if (known.owner !== caller.owner) await this.#keep(turn, asked);
        return { grant: grantView(this.#parts.identity, asked, 'granted'), created: false };
      }
      this.#tombstones.check('grant', id, caller);
      if (this.#model.leaving.has(id)) throw leaving(id);
      const { adopt = false } = request;
      checkFree(this.#model, this.#parts.identity, asked, adopt);
      if (!adopt) {
        await scrubStray(this.#parts, turn, asked);
        checkFree(this.#model, this.#parts.identity, asked);
      }
      await this.#parts.faults.at('grant.checked');
      await this.#keep(turn, asked);
      return { grant: grantView(this.#parts.identity, asked, 'granted'), created: true };
    });
  }

  async drop(id: string, options: DropOptions, caller: Caller): Promise<Scrubbed> {
    const { retain = false, override = false } = options;
    const { identity } = this.#parts;
    return this.#run(`drop of grant ${id}`, caller, [id], async (turn) => {
      // said below in one way or the other: that it is not there, and is not to come
      if (!this.#model.grants.has(id)) this.#tombstones.add(id, caller);
      const before = this.#ended.get(id);
      if (before !== undefined) return before;
      const grant = this.#model.grants.get(id) ?? this.#model.leaving.get(id)?.grant;
      if (grant === undefined) throw noGrant(id);
      if (!override) checkOwner(`grant ${id}`, grant.owner, caller, { grant: id });
      checkMeant(identity, grant, options.range);
      const began = performance.now();
      if (this.#model.grants.has(id)) {
        await this.#parts.faults.at('drop.checked');
        await turn.away(this.#deps.journal.record({ kind: 'drop', id, retain }));
        this.#tombstones.add(id, caller);
        await this.#parts.faults.at('drop.journalled');
        const { owner } = caller;
        this.#parts.observer.event({ kind: 'dropped', id, owner, retained: retain });
        this.#deps.log.info({ id, retain, owner }, 'grant dropped');
      }
      const left = segmentsOf(this.#model.leaving.get(id)?.left ?? []);
      const dirty = left.filter((segment) => this.#model.isDirty(segment));
      const proof = await turn.away(this.#scrubbed(`drop of grant ${id}`, dirty));
      const scrubbed = scrubbedOf(identity, left, performance.now() - began, proof);
      const rest = restOf(this.#model, identity, grant, retain, scrubbed.scrubbed);
      const done = { ...scrubbed, ...rest, id };
      this.#remember(done);
      await this.#parts.faults.at('drop.scrubbed');
      return done;
    });
  }

  async scrub(request: ScrubRequest, caller: Caller): Promise<Scrubbed> {
    return this.#run('scrub', caller, [], async (turn) => {
      const segments = segmentsToScrub(this.#model, this.#parts.identity, request);
      checkUngranted(this.#model, segments);
      const { giveUp = request.region === undefined ? [] : ['retained'] } = request;
      checkGivenUp(this.#model, this.#parts.identity, segments, giveUp);
      const given = segments.filter((segment) => {
        const base = this.#model.base[segment];
        return base === 'unknown' || typeof base === 'object';
      });
      const began = performance.now();
      await turn.away(markDirty(this.#parts, given));
      await this.#parts.faults.at('scrub.asked');
      const dirty = segments.filter((segment) => this.#model.isDirty(segment));
      const proof = await turn.away(this.#scrubbed('scrub', dirty));
      return scrubbedOf(this.#parts.identity, dirty, performance.now() - began, proof);
    });
  }

  journal(): JournalView {
    const { journal } = this.#deps;
    return { stats: journal.stats(), epoch: journal.state().epoch };
  }

  overdue(): string | undefined {
    const { lagMs } = this.#deps.journal.stats();
    if (lagMs <= JOURNAL_BUDGET_MS) return this.#queue.overdue();
    return `the journal has been waiting for its disk for ${Math.round(lagMs / 1000)} s`;
  }

  /** Ends scrubs (the next lender does them), refuses what has not begun, and unlocks the pool. */
  async close(): Promise<void> {
    await Promise.all([this.#parts.scrubber.close(), this.#queue.close()]);
    this.#deps.pool.close();
    await this.#deps.journal.close();
  }

  async #run<T>(
    name: string,
    caller: Caller,
    keys: readonly string[],
    task: (turn: Turn) => Promise<T>,
  ): Promise<T> {
    checkCaller(caller);
    const run = async (turn: Turn): Promise<T> => {
      const ended = await this.#terms.admit(caller, turn);
      try {
        return await task(turn);
      } finally {
        ended();
      }
    };
    return this.#queue.run(name, this.#deps.queueTimeoutMs, run, keys, () => TURN_MS);
  }

  /** Writes down that it is granted, and tells. */
  async #keep(turn: Turn, grant: GrantRecord): Promise<void> {
    await turn.away(this.#deps.journal.record({ kind: 'grant', grant }));
    await this.#parts.faults.at('grant.journalled');
    const { id, owner } = grant;
    this.#ended.delete(id);
    this.#parts.observer.event({
      kind: 'granted',
      id,
      grant: grantView(this.#parts.identity, grant, 'granted'),
    });
    this.#deps.log.info({ id, owner }, 'granted');
  }

  /** Waits for it as long as one scrub may take. */
  #scrubbed(what: string, dirty: readonly number[]): Promise<Scrubbed['proof']> {
    return within(what, this.#deps.scrub.timeoutMs, this.#parts.scrubber.scrub(dirty));
  }

  #remember(done: Scrubbed & { readonly id: string }): void {
    this.#ended.set(done.id, done);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > ENDED_MAX && oldest !== undefined) this.#ended.delete(oldest);
  }
}
