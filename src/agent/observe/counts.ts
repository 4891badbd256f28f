import { ERRORS, type ErrorCode } from '../../common/errors.js';
import type { EventBody } from '../events.js';
import { ATTACHMENT_STATES, type StepName } from '../types.js';
import { Durations, Tally } from '../../common/server/tallies.js';

const KINDS = [
  'attachment',
  'link',
  'memport',
  'epoch',
  'reconciled',
] as const satisfies readonly EventBody['kind'][];

const STEPS: readonly StepName[] = [
  ...ATTACHMENT_STATES.filter((state) => state !== 'failed'),
  'claimed',
  'scrubbed',
  'released',
];

/** Seconds: from a register write to the deadline of an offlining. */
const BOUNDS = [0.0001, 0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60];

/** Of racks, controllers, trays and tools. */
const OF_OTHERS =
  /^SDM_(RACK_|STORE|PORT_|NO_(CORES|LOCAL|SEGMENTS|PATH|TRANSCEIVER|COMBINATION|RESOURCE)|(DEMO|BENCH|IAAS|KEY_REUSED|STEP|RECORD|TOPOLOGY|BRICK_IN_USE|NOT_FENCED|NOT_CLEAN|RESOURCE_UNREACHABLE|BOARD_STATE)$)/;
/** Those that no agent answers with are left out. */
const CODES = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => !OF_OTHERS.test(code));

/** All that is counted while the agent runs; what can be looked up is not here. */
export class Counts {
  readonly events = new Tally<EventBody['kind']>(KINDS);
  readonly refusals = new Tally<ErrorCode>(CODES);
  /** Steps that succeeded. */
  readonly steps = new Durations<StepName>(BOUNDS, []);
  readonly failedSteps = new Tally<StepName>(STEPS);
}
