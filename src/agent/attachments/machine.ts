import { SdmError } from '../../common/errors.js';
import { codeOf, errorView, messageOf } from '../memory/errors.js';
import type { Log, StepName } from '../types.js';
import type { Journal } from './journal.js';
import type { AttachmentRecord } from './record.js';
import { STAGES, TOUCHED_BY, type Stage, type StageContext } from './stages.js';

/** A step that did not succeed. */
class StepFailure {
  constructor(
    readonly step: StepName,
    readonly index: number,
    readonly error: unknown,
    /** False: its intent could not be journalled, so nothing was done. */
    readonly acted: boolean,
  ) {}
}

/**
 * Drives an attachment through its stages. Before a step acts, its intent is journalled; what was
 * reached is kept in the record, so that a way back can start from any place.
 */
export class Machine {
  readonly #journal: Journal;
  readonly #log: Log;

  constructor(journal: Journal, log: Log) {
    this.#journal = journal;
    this.#log = log;
  }

  /**
   * All or nothing: after a failure every stage that was reached is undone, in reverse.
   * @throws the step's error, with `details.step`; then nothing is left and the record's state is
   * `free`. SDM_FAILED: something could not be undone, and the record is `failed`.
   */
  async attach(context: StageContext, record: AttachmentRecord): Promise<void> {
    const stages = STAGES[record.request.mode];
    await this.#journal.record({ kind: 'attach', attachment: record });
    const failure = (await this.#up(context, record, stages)) ?? (await this.#rest(record));
    if (failure === undefined) return;
    const cause = errorView(failure.error);
    this.#log.warn({ id: record.id, step: failure.step, ...cause }, 'attach failed, undoing it');
    const stuck = await this.#down(context, record, stages, record.reached - 1);
    if (stuck !== undefined) throw await this.#fail(record, stuck, failure);
    await this.#forget(record, failure);
    throw withDetails(failure.error, {
      message: `${cause.message} (attachment ${record.id}, step ${failure.step}; nothing is left of it)`,
      details: { attachment: record.id, step: failure.step, undone: true },
    });
  }

  /**
   * The way back. Refused by the kernel or by programs, the attachment is as before; stuck later,
   * it is `failed`, and another call tries again from there.
   * @throws SDM_OFFLINE_REFUSED, SDM_DEVICE_MAPPED: as before. SDM_FAILED: see `error`.
   */
  async detach(context: StageContext, record: AttachmentRecord): Promise<void> {
    const stages = STAGES[record.request.mode];
    const before = record.state;
    await this.#journal.record({ kind: 'detach', attachment: record });
    // what was stuck may have lost the ground it stood on: the stage above is undone once more
    const again = before === 'failed' ? 1 : 0;
    const from = Math.min(record.reached - 1 + again, stages.length - 1);
    const stuck = await this.#down(context, record, stages, from);
    if (stuck === undefined) {
      record.error = undefined;
      await this.#forget(record, undefined);
      return;
    }
    if (!stuck.acted && stuck.index === from) throw stuck.error;
    const stage = stages[stuck.index];
    if (stage?.revertible !== true) throw await this.#fail(record, stuck, undefined);
    const steps = record.steps.length;
    const revert = await this.#step(context, record, stages, stuck.index, 'up');
    if (revert !== undefined) throw await this.#fail(record, revert, stuck);
    record.steps.length = steps;
    record.state = before;
    record.error = errorView(stuck.error);
    const unsaid = await this.#rest(record);
    if (unsaid !== undefined) {
      // the intent of the step that went forward again is in the journal: a restart begins there
      this.#log.error({ id: record.id, err: unsaid.error }, 'the refusal could not be journalled');
    }
    throw withDetails(stuck.error, { details: { attachment: record.id, step: stuck.step } });
  }

  async #up(
    context: StageContext,
    record: AttachmentRecord,
    stages: readonly Stage[],
  ): Promise<StepFailure | undefined> {
    for (const index of stages.keys()) {
      const failure = await this.#step(context, record, stages, index, 'up');
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  async #down(
    context: StageContext,
    record: AttachmentRecord,
    stages: readonly Stage[],
    from: number,
  ): Promise<StepFailure | undefined> {
    for (let index = from; index >= 0; index--) {
      const failure = await this.#step(context, record, stages, index, 'down');
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  async #step(
    context: StageContext,
    record: AttachmentRecord,
    stages: readonly Stage[],
    index: number,
    direction: 'up' | 'down',
  ): Promise<StepFailure | undefined> {
    const stage = stages[index];
    const step = stage?.[direction];
    if (stage === undefined || step === undefined) return undefined;
    if (step.applies?.(record) === false) return undefined;
    // from the intent on, the stage may have left something behind
    record.reached = index + 1;
    if (direction === 'up' && stage.name === TOUCHED_BY[record.request.mode]) record.touched = true;
    const started = performance.now();
    let acted = false;
    try {
      if (step.passive !== true) {
        this.#journal.note({ kind: 'at', id: record.id, direction, stage: stage.name });
      }
      acted = true;
      await step.run(context, record);
    } catch (error) {
      return new StepFailure(step.name, index, error, acted);
    }
    const ms = Math.round((performance.now() - started) * 1000) / 1000;
    record.steps.push({ step: step.name, ms });
    this.#log.debug({ id: record.id, step: step.name, ms }, 'step done');
    if (step.state !== undefined) record.state = step.state;
    if (direction === 'down') record.reached = index;
    return undefined;
  }

  /** Journals that the attachment stays as it is; a failure is one of the last step. */
  async #rest(record: AttachmentRecord): Promise<StepFailure | undefined> {
    try {
      await this.#journal.record({ kind: 'rest', attachment: record });
      return undefined;
    } catch (error) {
      const stages = STAGES[record.request.mode];
      const index = stages.length - 1;
      return new StepFailure(stages[index]?.up?.name ?? 'online', index, error, true);
    }
  }

  /**
   * Journals that nothing is left. While that fails, range and memport stay taken: a restart would
   * go on with the way back, and could take them from their next owner.
   * @throws SDM_FAILED.
   */
  async #forget(record: AttachmentRecord, first: StepFailure | undefined): Promise<void> {
    try {
      await this.#journal.record({ kind: 'forget', id: record.id });
    } catch (error) {
      throw await this.#fail(record, new StepFailure('free', 0, error, false), first);
    }
  }

  /** Marks the record as failed, says what is left, and gives the error to throw. */
  async #fail(
    record: AttachmentRecord,
    stuck: StepFailure,
    first: StepFailure | undefined,
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
    record.state = 'failed';
    record.error = errorView(error);
    this.#log.error({ id: record.id, step: stuck.step, left }, error.message);
    try {
      await this.#journal.record({ kind: 'rest', attachment: record });
    } catch (cause) {
      // the intent of the step that failed is in the journal: a restart begins there
      this.#log.error({ id: record.id, err: cause }, 'the failure could not be journalled');
    }
    return error;
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
