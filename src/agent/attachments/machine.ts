import { SdmError } from '../../common/errors.js';
import { codeOf, errorView, messageOf } from '../memory/errors.js';
import type { AttachmentState } from '../types.js';
import { linkOf, viewOf, type AttachmentRecord } from './record.js';
import { isHeld, program, rangeOf, STAGES, type StageContext } from './stages.js';
import { StepFailure, Steps, type Tools } from './steps.js';

/** Which command an attachment is in the middle of. */
type Doing = 'attach' | 'detach';

/** What a command changes about the attachment itself. */
export interface DetachChange {
  readonly retain: boolean;
  readonly owner: string;
}

/**
 * Drives an attachment to where it rests, and back. Two things of each command are safe in the
 * journal before it goes on: that it begins, with all that it will use, before the first step; and
 * how it ended, before the answer. While these are written, others have the turn.
 */
export class Machine {
  readonly #tools: Tools;
  readonly #steps: Steps;
  /** Those of which the journal does not say where they came to rest, since it refused that. */
  readonly #behind = new WeakSet<AttachmentRecord>();

  constructor(tools: Tools) {
    this.#tools = tools;
    this.#steps = new Steps(tools);
  }

  /**
   * All or nothing: after a failure every stage that was reached is undone, in reverse. One that
   * waits since a boot goes on waiting then, with the reason.
   * @throws the step's error, with `details.step`; then nothing is left and the record's state is
   * `free`, or it waits as before. SDM_FAILED: something could not be undone, and the record is
   * `failed`. SDM_JOURNAL: nothing was done.
   * @param owner whose it is from then on.
   */
  async attach(
    context: StageContext,
    record: AttachmentRecord,
    owner: string = record.owner,
  ): Promise<void> {
    const { journal, faults } = this.#tools;
    const { waits, owner: before } = record;
    record.owner = owner;
    try {
      await context.turn.away(journal.record({ kind: 'attach', attachment: record }));
    } catch (error) {
      record.owner = before;
      if (waits === undefined) record.state = 'free';
      else await this.wait(context, record, error);
      throw error;
    }
    this.#behind.delete(record);
    await faults.at('attach.journalled');
    record.steps = [];
    const failure =
      (await this.#steps.up(context, record)) ?? (await this.#arrive(context, record));
    if (failure === undefined) return;
    await this.#giveUp(context, record, failure);
  }

  /**
   * The way back. Refused by the kernel or by programs, the attachment is as before; stuck later,
   * it is `failed`, and another call tries again.
   * @throws SDM_OFFLINE_REFUSED, SDM_DEVICE_MAPPED: as before. SDM_FAILED: see `error`. SDM_JOURNAL:
   * nothing was done.
   */
  async detach(
    context: StageContext,
    record: AttachmentRecord,
    change: DetachChange,
  ): Promise<void> {
    const { journal, faults } = this.#tools;
    const { waits, retain, owner } = record;
    Object.assign(record, { ...change, waits: undefined });
    try {
      await context.turn.away(journal.record({ kind: 'detach', attachment: record }));
    } catch (error) {
      Object.assign(record, { waits, retain, owner });
      throw error;
    }
    this.#behind.delete(record);
    await faults.at('detach.journalled');
    await this.takeDown(context, record);
  }

  /**
   * All of the way back, of an attachment whose detach is in the journal: from the top, since every
   * step passes over what is gone already.
   * @throws as detach.
   */
  async takeDown(context: StageContext, record: AttachmentRecord): Promise<void> {
    const before = record.state;
    const unreached = this.#reach(context, record);
    if (unreached !== undefined) throw await this.fail(context, record, unreached);
    const stuck = await this.#steps.down(context, record);
    if (stuck === undefined) {
      record.error = undefined;
      await this.forget(context, record, 'detach');
      return;
    }
    const stage = STAGES[record.request.mode][stuck.index];
    if (stage?.revertible !== true || before === 'reserved') {
      throw await this.fail(context, record, stuck);
    }
    const steps = record.steps.length;
    const revert = await this.#steps.one(context, record, stuck.index, 'up');
    if (revert !== undefined) throw await this.fail(context, record, revert, stuck);
    record.steps.length = steps;
    record.state = before;
    record.retain = record.request.retain;
    record.error = errorView(stuck.error);
    await this.#rest(context, record).catch((error: unknown) => {
      // that it began is in the journal: a restart takes it back, or is refused as well
      this.#behind.add(record);
      this.#tools.log.error({ id: record.id, err: error }, 'the refusal could not be journalled');
    });
    throw withDetails(stuck.error, { details: { attachment: record.id, step: stuck.step } });
  }

  /**
   * Takes away what may be there of an attach that was begun, bytes included unless they are
   * retained or it waits; see Reconciler.
   * @throws SDM_FAILED.
   */
  async undo(context: StageContext, record: AttachmentRecord): Promise<void> {
    const stuck = this.#reach(context, record) ?? (await this.#steps.down(context, record));
    if (stuck !== undefined) throw await this.fail(context, record, stuck);
    if (record.waits === undefined) await this.forget(context, record, 'attach');
  }

  /**
   * A region that the kernel still has is not touched while nothing answers behind it, nor while
   * someone else's bytes do: its memport is set once more, should someone have cleared it.
   */
  #reach(context: StageContext, record: AttachmentRecord): StepFailure | undefined {
    if (!isHeld(context.memory, rangeOf(record))) return undefined;
    try {
      program(context, record);
      return undefined;
    } catch (error) {
      const stages = STAGES[record.request.mode];
      // none of the way back was gone
      record.reached = stages.length;
      const index = stages.findIndex((stage) => stage.name === 'program');
      return new StepFailure('programmed', index, error);
    }
  }

  /** Journals what the record says now, and tells. @throws SDM_JOURNAL. */
  async #rest(context: StageContext, record: AttachmentRecord): Promise<void> {
    await context.turn.away(this.#tools.journal.record({ kind: 'rest', attachment: record }));
    this.#behind.delete(record);
    this.tell(context, record);
  }

  /**
   * To be called before anybody is told again that it is in use: a restart would go by what the
   * journal has, and end a detach that was refused long ago.
   * @throws SDM_JOURNAL.
   */
  async catchUp(context: StageContext, record: AttachmentRecord): Promise<void> {
    if (this.#behind.has(record)) await this.#rest(context, record);
  }

  /** It is another one's from now on. @throws SDM_JOURNAL: it is not. */
  async handOver(context: StageContext, record: AttachmentRecord, owner: string): Promise<void> {
    const before = record.owner;
    record.owner = owner;
    try {
      await this.#rest(context, record);
    } catch (error) {
      record.owner = before;
      throw error;
    }
  }

  /**
   * Journals that nothing is left. While that fails, range and memport stay taken: a restart would
   * go on with the way back, and could take them from their next owner.
   * @throws SDM_FAILED.
   */
  async forget(
    context: StageContext,
    record: AttachmentRecord,
    doing: Doing,
    first?: StepFailure,
  ): Promise<void> {
    const { journal, faults } = this.#tools;
    await faults.at(`${doing}.undone`);
    try {
      await context.turn.away(journal.record({ kind: 'forget', id: record.id }));
    } catch (error) {
      throw await this.fail(context, record, new StepFailure('free', 0, error), first);
    }
    record.state = 'free';
    this.tell(context, record);
    await faults.at(`${doing}.forgotten`);
  }

  /** Marks the record as failed, says what is left, and gives the error to throw. */
  async fail(
    context: StageContext,
    record: AttachmentRecord,
    stuck: StepFailure,
    first?: StepFailure,
  ): Promise<SdmError> {
    const left = STAGES[record.request.mode]
      .slice(0, record.reached)
      .filter((stage) => stage.down !== undefined && stage.down.passive !== true)
      .map((stage) => stage.name);
    const why =
      first === undefined ? '' : `step ${first.step} failed (${messageOf(first.error)}), and then `;
    const error = new SdmError(
      'SDM_FAILED',
      `attachment ${record.id}: ${why}step ${stuck.step} failed: ${messageOf(stuck.error)}. ` +
        `${left.length === 0 ? 'All is undone' : `Not undone: ${left.join(', ')}`}. ` +
        `Remove the cause, then detach ${record.id} again`,
      {
        details: {
          attachment: record.id,
          step: stuck.step,
          left,
          cause: errorView(stuck.error),
          ...(first === undefined ? {} : { first: errorView(first.error) }),
        },
        cause: stuck.error,
      },
    );
    await this.markFailed(context, record, error);
    return error;
  }

  /** The record is `failed` from now on, for a reason that is known. */
  async markFailed(context: StageContext, record: AttachmentRecord, why: SdmError): Promise<void> {
    record.state = 'failed';
    record.waits = undefined;
    record.error = errorView(why);
    this.#tools.log.error({ id: record.id, code: why.code }, why.message);
    try {
      await context.turn.away(this.#tools.journal.record({ kind: 'rest', attachment: record }));
      this.#behind.delete(record);
    } catch (cause) {
      // that a command began is in the journal: a restart goes on from there
      this.#behind.add(record);
      this.#tools.log.error({ id: record.id, err: cause }, 'the failure could not be journalled');
    }
    this.tell(context, record);
  }

  tell({ backend }: StageContext, record: AttachmentRecord): void {
    const attachment = viewOf(record, linkOf(record, backend.info, backend.linkStatus()));
    const { id, state } = attachment;
    this.#tools.observer.event({ kind: 'attachment', id, state, attachment });
  }

  /** Journals that it is in use; a failure is one of the last step. */
  async #arrive(context: StageContext, record: AttachmentRecord): Promise<StepFailure | undefined> {
    const { waits, error: before } = record;
    try {
      await this.#tools.faults.at('attach.rest');
      Object.assign(record, { waits: undefined, error: undefined });
      await this.#rest(context, record);
      await this.#tools.faults.at('attach.rested');
      return undefined;
    } catch (error) {
      Object.assign(record, { waits, error: before });
      const stages = STAGES[record.request.mode];
      const index = stages.length - 1;
      return new StepFailure(stages[index]?.up?.name ?? 'online', index, error);
    }
  }

  /** After a step of an attach failed. @throws always. */
  async #giveUp(
    context: StageContext,
    record: AttachmentRecord,
    failure: StepFailure,
  ): Promise<never> {
    const cause = errorView(failure.error);
    this.#tools.log.warn({ id: record.id, step: failure.step, ...cause }, 'attach failed, undoing');
    const stuck = await this.#steps.down(context, record, record.reached - 1);
    if (stuck !== undefined) throw await this.fail(context, record, stuck, failure);
    let outcome = 'nothing is left of it';
    if (record.waits === undefined) await this.forget(context, record, 'attach', failure);
    else {
      outcome = 'it waits as before';
      await this.wait(context, record, failure.error);
    }
    throw withDetails(failure.error, {
      message: `${cause.message} (attachment ${record.id}, step ${failure.step}; ${outcome})`,
      details: { attachment: record.id, step: failure.step, undone: true },
    });
  }

  /** It waits, and for what reason. Where that is not journalled, a restart comes to the same. */
  async wait(context: StageContext, record: AttachmentRecord, why: unknown): Promise<void> {
    record.state = 'reserved' satisfies AttachmentState;
    record.steps = [];
    if (why !== undefined) record.error = errorView(why);
    await this.#rest(context, record).catch((error: unknown) => {
      this.#behind.add(record);
      this.#tools.log.error({ id: record.id, err: error }, 'the wait could not be journalled');
    });
  }
}

/** The same error with more to it; what is no SdmError becomes one. */
function withDetails(
  error: unknown,
  more: { message?: string; details: Record<string, unknown> },
): SdmError {
  const details = error instanceof SdmError ? error.details : undefined;
  return new SdmError(codeOf(error), more.message ?? messageOf(error), {
    details: { ...details, ...more.details },
    cause: error,
  });
}
