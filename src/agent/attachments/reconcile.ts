import { SdmError } from '../../common/errors.js';
import { STATUS } from '../../abi/codec.js';
import type { EventBody } from '../events.js';
import type { ManualMemports } from '../manual.js';
import { codeOf, errorView, messageOf } from '../memory/errors.js';
import { isSpec, type Memports } from '../memports.js';
import { isControllers } from '../owners.js';
import type { StepName } from '../types.js';
import type { JournalIdentity, JournalledAttachment } from './journal.js';
import type { Machine } from './machine.js';
import { afterBoot, rewriteForBoot } from './reboot.js';
import { copyRecord, type AttachmentRecord } from './record.js';
import {
  isHeld,
  isOurs,
  isReached,
  PROGRAM_MS,
  rangeOf,
  STAGES,
  type StageContext,
} from './stages.js';
import { checkStillOurs } from './still-ours.js';
import type { Tools } from './steps.js';
import type { AttachmentTable } from './table.js';

type Found = Extract<EventBody, { kind: 'reconciled' }>;
type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

export interface ReconcilerOptions extends Tools {
  readonly machine: Machine;
  readonly memports: Memports;
  readonly manual: ManualMemports;
  readonly table: AttachmentTable;
  readonly identity: JournalIdentity;
  readonly bootId: string;
  /** Puts the kernel's auto-online policy back; see memory/policy.ts. */
  readonly restorePolicy: (saved: string) => Promise<boolean>;
}

/**
 * Makes brick and journal agree once more, at the start of an agent: what an interrupted command
 * left is undone or completed, what rests is checked and put right, what a boot took away waits or
 * is restored, and what is not ours is left. Every part of it can be done again: a crash within is
 * the same as one before. It relies on registers and kernel alone; notes of single steps may be
 * lost.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /**
   * Makes known what the journal speaks of, for questions that come before the end of `run`: as
   * the last agent left it, or as a boot since then did.
   */
  load(): void {
    const { journal, table, bootId } = this.#options;
    const { begin, attachments } = journal.state();
    const rebooted = begin !== undefined && begin.bootId !== bootId;
    for (const known of attachments.values()) {
      table.add(rebooted ? afterBoot(known).record : copyRecord(known.record));
    }
  }

  /** @throws SDM_JOURNAL: nothing may be changed while nothing can be journalled. */
  async run(context: StageContext): Promise<void> {
    const { journal, table, memports, identity, bootId, log, observer, faults } = this.#options;
    await faults.at('reconcile.read');
    const { begin } = journal.state();
    const rebooted = begin !== undefined && begin.bootId !== bootId;
    if (rebooted) await rewriteForBoot(journal);
    if (begin?.bootId !== bootId || begin.identity.pool !== identity.pool) {
      await journal.record({ kind: 'begin', identity, bootId });
    }
    await faults.at('reconcile.begun');
    await this.#policy();

    const state = journal.state();
    const known = [...state.attachments.values()].map(({ record, ...command }) => ({
      record: copyRecord(record),
      ...command,
    }));
    for (const { record } of known) table.add(record);
    memports.held.clear();
    for (const [port, held] of state.memports) memports.held.set(port, held);

    const found = this.#nothing(rebooted);
    for (const each of known) await this.#attachment(context, each, found);
    for (const port of [...memports.held.keys()]) await this.#memport(context, port);
    found.foreign.push(...memports.foreign());
    this.#foreign(context, found.foreign);
    const { kind: _, ...fields } = found;
    log.info(fields, 'reconciled');
    observer.event(found);
    await faults.at('reconcile.ended');
  }

  /**
   * Attaches once more what waits since a boot. Refused, it goes on waiting, with the reason.
   * @returns whether it is in use.
   */
  async restore(context: StageContext, record: AttachmentRecord): Promise<boolean> {
    const { machine, log } = this.#options;
    const { mode, node } = record.request;
    try {
      checkStillOurs(context, record);
      await context.memory.prepare(mode, node);
    } catch (error) {
      await machine.wait(context, record, error);
      return false;
    }
    try {
      await machine.attach(context, record);
      return true;
    } catch (error) {
      log.warn({ id: record.id, code: codeOf(error) }, `not restored: ${messageOf(error)}`);
      return false;
    }
  }

  #nothing(rebooted: boolean): Mutable<Found> {
    const lists = { kept: [], restored: [], undone: [], waiting: [], failed: [], foreign: [] };
    return { kind: 'reconciled', rebooted, ...lists };
  }

  async #attachment(
    context: StageContext,
    { record, doing, at }: JournalledAttachment,
    found: Mutable<Found>,
  ): Promise<void> {
    const { table, machine, log } = this.#options;
    const { id } = record;
    const waits = record.waits !== undefined;
    try {
      if (doing === 'detach') await this.#complete(context, record);
      else if (waits) await this.#keepWaiting(context, record, doing === 'attach');
      else if (doing === 'attach') await this.#undo(context, record, at);
      else if (record.state !== 'failed') await this.#check(context, record);
    } catch (error) {
      if (codeOf(error) === 'SDM_JOURNAL') throw error;
      // what the machine threw is in the record already; the others go on
      if (error instanceof SdmError)
        log.warn({ id, code: error.code }, `reconcile: ${error.message}`);
      else await machine.markFailed(context, record, notAsLeft(record, 'reserved', error));
    }
    const state: string = record.state;
    if (state === 'free') {
      table.forget(record);
      found.undone.push(id);
    } else if (state === 'failed') found.failed.push(id);
    else if (record.waits !== undefined) found.waiting.push(id);
    else if (waits) found.restored.push(id);
    else found.kept.push(id);
  }

  /** An attach that nobody has an answer to. */
  async #undo(
    context: StageContext,
    record: AttachmentRecord,
    at: JournalledAttachment['at'],
  ): Promise<void> {
    const stages = STAGES[record.request.mode].map((stage) => stage.name);
    // what was set may be clear by now: the note, where it was not lost, says the same
    const came = at !== undefined && stages.indexOf(at.stage) >= stages.indexOf('scrub');
    record.touched = came || hasTraces(context, record);
    this.#options.log.warn({ id: record.id }, 'an attach was interrupted: undoing it');
    await this.#options.machine.undo(context, record);
  }

  /**
   * A detach that nobody has an answer to. Its bytes may have been zeroed already: nothing that is
   * gone by now proves that, so they are once more.
   */
  async #complete(context: StageContext, record: AttachmentRecord): Promise<void> {
    this.#options.log.warn({ id: record.id }, 'a detach was interrupted: completing it');
    await this.#options.machine.takeDown(context, record);
  }

  /** Nothing of it is to be in use. */
  async #keepWaiting(
    context: StageContext,
    record: AttachmentRecord,
    interrupted: boolean,
  ): Promise<void> {
    const { machine } = this.#options;
    if (isReached(context, record)) {
      await machine.undo(context, record);
      record.steps = [];
      record.state = 'reserved';
    }
    if (record.waits === 'restore') await this.restore(context, record);
    else if (interrupted) await machine.wait(context, record, undefined);
    else machine.tell(context, record);
  }

  /**
   * It rests: every step is done once more, and finds its work done. What someone else has taken
   * meanwhile makes it `failed`.
   */
  async #check(context: StageContext, record: AttachmentRecord): Promise<void> {
    const { machine } = this.#options;
    try {
      checkStillOurs(context, record);
    } catch (error) {
      // somebody has taken it out of reach: whose its bytes are now, the controller knows
      const lost = codeOf(error) === 'SDM_NOT_OURS' && !isReached(context, record);
      if (lost && isControllers(record.owner)) {
        Object.assign(record, { waits: 'controller', reached: 0, device: undefined });
        await machine.wait(context, record, error);
      } else await machine.markFailed(context, record, notAsLeft(record, 'reserved', error));
      return;
    }
    const held = isHeld(context.memory, rangeOf(record));
    for (const { name, up } of STAGES[record.request.mode]) {
      if (up === undefined || up.passive === true) continue;
      // RAM or device, it is claimed; only a region that is neither may be claimed again
      if (name === 'claim' && held) continue;
      try {
        await up.run(context, record);
      } catch (error) {
        await machine.markFailed(context, record, notAsLeft(record, up.name, error));
        return;
      }
    }
  }

  /** A memport set by hand: nobody has an answer to a set or a clear of which half is done. */
  async #memport(context: StageContext, port: number): Promise<void> {
    const { memports, manual, journal, log } = this.#options;
    const held = memports.held.get(port);
    if (held === undefined || port >= context.backend.info.nports) return;
    const found = context.backend.memport(port);
    const { spec, waits } = held;
    const ours = found.set && isSpec(found, spec);
    if (waits === 'restore') {
      // also where the disk is full: what can be given back must not wait for that
      await manual.restore(context, port).catch((error: unknown) => {
        log.warn({ memport: port, err: error }, `memport ${port} is not restored yet`);
      });
      return;
    }
    if (waits === 'controller') {
      if (ours) context.backend.clear(port, PROGRAM_MS);
      return;
    }
    if (ours && found.status === STATUS.ACTIVE) return;
    await journal.record({ kind: 'memport', port, held: null });
    memports.held.delete(port);
    log.warn({ memport: port, set: found.set }, 'a memport set by hand is so no more');
  }

  async #policy(): Promise<void> {
    const { journal, log, restorePolicy } = this.#options;
    const { policy } = journal.state();
    if (policy === null) return;
    try {
      const done = await restorePolicy(policy);
      if (done) log.warn({ policy }, 'the policy for new memory was left switched off: restored');
      await journal.record({ kind: 'policy', saved: null });
    } catch (error) {
      if (codeOf(error) === 'SDM_JOURNAL') throw error;
      log.error({ err: error, policy }, 'the policy for new memory cannot be restored');
    }
  }

  /** Shown and left. */
  #foreign({ memory }: StageContext, memports: readonly number[]): void {
    const { table, log } = this.#options;
    if (memports.length > 0) {
      log.warn({ memports }, 'memports are set that this agent knows nothing of: left as is');
    }
    const own = new Set(table.records().map((record) => `${record.start} ${record.request.size}`));
    const regions = memory.held().filter(({ start, size }) => !own.has(`${start} ${size}`));
    if (regions.length > 0) {
      log.warn({ regions }, 'sdmc_mem holds regions that this agent knows nothing of: left as is');
    }
  }
}

function notAsLeft(record: AttachmentRecord, step: StepName, cause: unknown): SdmError {
  const { id } = record;
  return new SdmError(
    'SDM_FAILED',
    `attachment ${id} is not as it was left: ${messageOf(cause)}. Remove the cause, then detach ${id}`,
    { details: { attachment: id, step, cause: errorView(cause) }, cause },
  );
}

/**
 * Whether its bytes may have been reached. The memport is the first to be set and the last to be cleared;
 * where there is a kernel's side, its region is what bytes can have been reached through.
 */
function hasTraces({ backend, memory }: StageContext, record: AttachmentRecord): boolean {
  if (memory.kind !== 'none') return isHeld(memory, rangeOf(record));
  const found = backend.memport(record.memport);
  return found.set && isOurs(found, record);
}
