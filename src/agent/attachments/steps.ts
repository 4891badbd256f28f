import type { Observer } from '../events.js';
import type { Faults } from '../faults.js';
import type { Log, StepName } from '../types.js';
import type { Direction, Journal } from './journal.js';
import type { AttachmentRecord } from './record.js';
import { STAGES, TOUCHED_BY, type StageContext } from './stages.js';

/** What those who drive attachments have besides the brick. */
export interface Tools {
  readonly journal: Journal;
  readonly log: Log;
  readonly observer: Observer;
  readonly faults: Faults;
}

/** A step that did not succeed. */
export class StepFailure {
  constructor(
    readonly step: StepName,
    readonly index: number,
    readonly error: unknown,
  ) {}
}

/** Takes an attachment through its stages; what was reached is kept in the record. */
export class Steps {
  readonly #tools: Tools;

  constructor(tools: Tools) {
    this.#tools = tools;
  }

  /** All stages, in order. @returns the first step that failed. */
  async up(context: StageContext, record: AttachmentRecord): Promise<StepFailure | undefined> {
    for (const index of STAGES[record.request.mode].keys()) {
      const failure = await this.one(context, record, index, 'up');
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  /** In reverse, beginning with the stage `from`. @returns the first step that failed. */
  async down(
    context: StageContext,
    record: AttachmentRecord,
    from: number = STAGES[record.request.mode].length - 1,
  ): Promise<StepFailure | undefined> {
    for (let index = from; index >= 0; index--) {
      const failure = await this.one(context, record, index, 'down');
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  async one(
    context: StageContext,
    record: AttachmentRecord,
    index: number,
    direction: Direction,
  ): Promise<StepFailure | undefined> {
    const stage = STAGES[record.request.mode][index];
    const step = stage?.[direction];
    if (stage === undefined || step === undefined) return undefined;
    if (step.applies?.(record) === false) return undefined;
    const { journal, log, observer, faults } = this.#tools;
    // from here on, the stage may have left something behind
    record.reached = index + 1;
    if (direction === 'up' && stage.name === TOUCHED_BY[record.request.mode]) record.touched = true;
    const acts = step.passive !== true;
    const started = performance.now();
    const ended = (): number => Math.round((performance.now() - started) * 1000) / 1000;
    try {
      // most of these are done when they return: waiting for nothing would take longer than they do
      if (acts) {
        journal.note({ kind: 'at', id: record.id, direction, stage: stage.name });
        const stopped = faults.at(`${direction}.${stage.name}.before`);
        if (stopped !== undefined) await stopped;
      }
      const running = step.run(context, record);
      if (running !== undefined) await running;
      if (acts) {
        const stopped = faults.at(`${direction}.${stage.name}.after`);
        if (stopped !== undefined) await stopped;
      }
    } catch (error) {
      observer.step(step.name, ended(), false);
      return new StepFailure(step.name, index, error);
    }
    const ms = ended();
    record.steps.push({ step: step.name, ms });
    observer.step(step.name, ms, true);
    log.debug({ id: record.id, step: step.name, ms }, 'step done');
    if (step.state !== undefined) record.state = step.state;
    if (direction === 'down') record.reached = index;
    return undefined;
  }
}
