import type { EventBody, Observer } from '../events.js';
import type { StepName } from '../types.js';
import { Counts } from './counts.js';
import { EventLog } from '../../common/server/event-log.js';

/** What the core tells, for those who look at it: `/v1/events` and `/metrics`. */
export class Observation implements Observer {
  readonly events = new EventLog<EventBody>();
  readonly counts = new Counts();

  event(body: EventBody): void {
    this.counts.events.add(body.kind);
    this.events.append(body);
  }

  step(step: StepName, ms: number, ok: boolean): void {
    if (ok) this.counts.steps.add(step, ms / 1000);
    else this.counts.failedSteps.add(step);
  }
}
