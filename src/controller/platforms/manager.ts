import { hex } from '../../abi/numbers.js';
import { SdmError } from '../../common/errors.js';
import type { AttachmentRecord, PlatformRecord } from '../records.js';
import type { Reservation } from '../reservation/types.js';
import type { Put } from '../store/types.js';
import type { Daemons } from '../synthesizer/daemons.js';
import type { Settled } from '../types.js';
import type {
  AllocateRequest,
  CommandOptions,
  GrowRequest,
  GrowResult,
  PlatformView,
  ShrinkRequest,
  ShrinkResult,
  Who,
} from '../views.js';
import { commandBudgetMs } from './budget.js';
import { attachmentsOf, reservationOf } from './convert.js';
import { Endings, isEnd, stepFailed, type EndingParts } from './endings.js';
import { chosen, granted, remembered } from './manager-parts.js';
import { toDetach, turnBack } from './turn-back.js';
import type { Ledger } from './ledger.js';
import { newRecord } from './new-record.js';
import type { RefusalParts } from './refusal.js';
import { growRequest, reserveRequest, type Defaults } from './requests.js';
import { Turns } from './turns.js';
import { platformView, segmentsOf } from './view.js';
import { bringUp, isProgrammed, type UpFailure } from './works.js';

export interface ManagerParts extends EndingParts, RefusalParts {
  readonly ledger: Ledger;
  readonly defaults: Defaults;
}

/** Makes, changes and releases platforms; commands on one platform take turns. */
export class PlatformManager {
  readonly endings: Endings;
  readonly turns = new Turns();
  readonly parts: ManagerParts;

  constructor(parts: ManagerParts) {
    this.parts = parts;
    this.endings = new Endings(parts);
  }

  async allocate(
    request: AllocateRequest,
    who: Who,
    { remember }: CommandOptions = {},
  ): Promise<PlatformView> {
    return this.turns.fresh(async (hold) => {
      const { core, site, defaults, ledger } = this.parts;
      const wanted = reserveRequest(site, request, defaults);
      const reservation = granted(this.parts, wanted, core.reserve(wanted));
      const id = ledger.nextId();
      hold(id);
      const record = newRecord(site, id, request, reservation, { ...wanted, owner: who.name });
      ledger.platforms.set(id, record);
      const programmed = isProgrammed(site, record, record.attachments);
      if (programmed) await this.#begin(record, reservation);
      const failure = await this.#bringUp(record, record.attachments, programmed);
      if (failure !== undefined) {
        return this.#undo('create', record, record.attachments, failure);
      }
      record.state = 'active';
      const view = platformView(site, record);
      await this.#store('allocate.active', record, record.attachments, remembered(remember, view));
      return view;
    });
  }

  async grow(
    id: number,
    request: GrowRequest,
    _who: Who,
    { remember }: CommandOptions = {},
  ): Promise<GrowResult> {
    return this.turns.run(id, async () => {
      const { core, site, defaults, ledger } = this.parts;
      const record = await this.#usable(id);
      const wanted = growRequest(site, record, request, defaults);
      const reservation = granted(this.parts, wanted, core.reserve(wanted));
      const added = attachmentsOf(site, reservation, {
        ...{ platform: id, next: record.next, reservation: record.nextReservation },
        ...{ mode: record.mode, node: record.node },
      });
      record.next += added.length;
      record.nextReservation += 1;
      record.attachments.push(...added);
      record.state = 'changing';
      const programmed = isProgrammed(site, record, added);
      if (programmed) {
        await this.#orTurnBack(record, added, ledger.commit('grow.begin', { save: [record] }));
        this.endings.tell(record);
      }
      const failure = await this.#bringUp(record, added, programmed);
      if (failure !== undefined) return this.#undo('grow', record, added, failure);
      record.state = 'active';
      delete record.error;
      const result: GrowResult = {
        platform: platformView(site, record),
        attached: added.map((each) => each.id),
        ...(request.migrateOK === undefined ? {} : { domigrate: false }),
      };
      await this.#store('grow.active', record, added, remembered(remember, result));
      return result;
    });
  }

  async shrink(
    id: number,
    request: ShrinkRequest,
    _who: Who,
    { remember }: CommandOptions = {},
  ): Promise<ShrinkResult> {
    const { site } = this.parts;
    return this.turns.run(id, async () => {
      const record = await this.#usable(id);
      const leaving = chosen(site, record, request);
      const staying = record.attachments.filter((each) => !leaving.includes(each));
      const result = (): ShrinkResult => ({
        platform: platformView(site, { ...record, state: 'active', attachments: staying }),
        detached: leaving.map((each) => each.id),
        freed: hex(BigInt(segmentsOf(leaving)) * site.segmentSize),
      });
      if (leaving.length === 0) return result();
      for (const each of leaving) toDetach(each);
      const put = remembered(remember, result());
      const unprogrammed = !isProgrammed(site, record, leaving);
      if (!unprogrammed) {
        if (remember !== undefined) record.remembered = remember.key;
        await this.#intend('shrink.begin', record, put, () => {
          for (const each of leaving) turnBack(each);
          delete record.remembered;
        });
      }
      const ended = await this.endings.change(record, unprogrammed ? { unprogrammed, put } : {});
      if (ended.error !== undefined) {
        throw stepFailed(
          `platform ${id} keeps memory that was to be freed`,
          ended.error,
          record,
          ended,
          'what was refused stays in use',
        );
      }
      return result();
    });
  }

  async release(id: number, _who?: Who, { remember }: CommandOptions = {}): Promise<void> {
    const { ledger, site } = this.parts;
    return this.turns.run(id, async () => {
      const record = ledger.platform(id);
      const put = remembered(remember, undefined);
      const unprogrammed = !isProgrammed(site, record, record.attachments);
      if (unprogrammed) record.state = 'releasing';
      else {
        await this.#intend('release.begin', record, put, () => {});
      }
      const options = unprogrammed ? { unprogrammed, put } : {};
      const ended = await this.endings.all(record, 'release', options);
      if (ended.error !== undefined) {
        throw stepFailed(`platform ${id} is not released yet`, ended.error, record, ended);
      }
    });
  }

  /** Ends what is not ended; for the reconcile loop. */
  settle(id: number): Promise<Settled> {
    return this.turns.run(id, async () => {
      const record = this.parts.ledger.platforms.get(id);
      return record === undefined ? 'gone' : (await this.endings.settle(record)).settled;
    });
  }

  settleScrubs(memory: string): Promise<number> {
    return this.turns.run(`scrub ${memory}`, () => this.endings.scrubs(memory));
  }

  /** What hangs, in a sentence. Time in which calls waited for a daemon with enough of them does not count. */
  overdue(daemons: Pick<Daemons, 'timeouts' | 'waitedAt' | 'overdue'>): string | undefined {
    const { ledger } = this.parts;
    const sizeOf = (key: number | string | undefined): number =>
      typeof key === 'number'
        ? (ledger.platforms.get(key)?.attachments.length ?? 0)
        : ledger.scrubs.size;
    const budgetMs = (key: number | string | undefined): number =>
      commandBudgetMs(daemons.timeouts, sizeOf(key));
    return daemons.overdue() ?? this.turns.overdue(budgetMs, daemons.waitedAt);
  }

  /** Refuses what has not begun, waits for the rest. */
  close(): Promise<void> {
    return this.turns.close();
  }

  async #bringUp(
    record: PlatformRecord,
    attachments: readonly AttachmentRecord[],
    programmed: boolean,
  ): Promise<UpFailure | undefined> {
    if (programmed) return bringUp(this.parts.steps, record, attachments);
    for (const each of attachments) each.state = 'attached';
    return undefined;
  }

  /** @param added all that the command made: also what of it is in use goes. */
  async #undo(
    what: 'create' | 'grow',
    record: PlatformRecord,
    added: readonly AttachmentRecord[],
    { error, ...failure }: UpFailure,
  ): Promise<never> {
    for (const each of added) each.state = 'reserved';
    const ended =
      what === 'create'
        ? await this.endings.all(record, 'undo', failure)
        : await this.endings.change(record, failure);
    throw stepFailed(`platform ${record.id}: ${what} failed`, error, record, ended);
  }

  async #begin(record: PlatformRecord, reservation: Reservation): Promise<void> {
    const { ledger, core } = this.parts;
    try {
      await ledger.commit('allocate.begin', { save: [record] });
    } catch (error) {
      ledger.platforms.delete(record.id);
      core.release(reservation);
      throw error;
    }
    this.endings.tell(record);
  }

  /** The end of what was brought up; where it cannot be stored it is taken back. */
  async #store(
    name: 'allocate.active' | 'grow.active',
    record: PlatformRecord,
    added: readonly AttachmentRecord[],
    put: readonly Put[],
  ): Promise<void> {
    const { ledger } = this.parts;
    const create = name === 'allocate.active';
    const lease = create ? record.lease : undefined;
    try {
      // only now: who is to keep it hears of it when this is done
      const tied = lease === undefined ? [] : [await ledger.grantLease(record.id, lease.ttlMs)];
      await ledger.commit(name, { save: [record], put: [...tied, ...put] });
      if (lease !== undefined) await ledger.renewLease(record.id);
    } catch (error) {
      if (isEnd(error)) throw error;
      record.state = create ? 'allocating' : 'changing';
      const failure = { error, begun: new Set(added), refused: new Map() };
      return this.#undo(create ? 'create' : 'grow', record, added, failure);
    }
    this.endings.tell(record);
  }

  /** Of a grow whose intent is not stored. */
  async #orTurnBack(
    record: PlatformRecord,
    added: readonly AttachmentRecord[],
    stored: Promise<void>,
  ): Promise<void> {
    const { core, site } = this.parts;
    await stored.catch((error: unknown) => {
      core.release(reservationOf(site, record, added[0]!.reservation));
      record.attachments = record.attachments.filter((each) => !added.includes(each));
      record.state = 'active';
      throw error;
    });
  }

  /** What is stored of what only goes on; where it cannot be, nothing has changed. */
  async #intend(
    name: 'shrink.begin' | 'release.begin',
    record: PlatformRecord,
    put: readonly Put[],
    turnBack: () => void,
  ): Promise<void> {
    const { state } = record;
    record.state = name === 'shrink.begin' ? 'changing' : 'releasing';
    try {
      await this.parts.ledger.commit(name, { save: [record], put });
    } catch (error) {
      record.state = state;
      turnBack();
      throw error;
    }
    this.endings.tell(record);
  }

  /** @throws SDM_NOT_FOUND; SDM_CONFLICT for one that goes or is not whole. */
  async #usable(id: number): Promise<PlatformRecord> {
    const record = this.parts.ledger.platform(id);
    if (record.state === 'changing') await this.endings.settle(record);
    if (record.state === 'active') return record;
    throw new SdmError(
      'SDM_CONFLICT',
      `platform ${id} is ${record.state} (${record.error?.message ?? 'it is not ended yet'}), so it can ` +
        'neither grow nor shrink now',
      { details: { platform: id, state: record.state } },
    );
  }
}
