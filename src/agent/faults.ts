import { SdmError } from '../common/errors.js';
import { STAGES } from './attachments/stages.js';
import { POLICY_POINTS } from './memory/policy.js';

/**
 * Places in a command where a crash is of interest. Tests end the agent there; in use nothing does.
 * A name such as "up.program.before", "attach.journalled"; FAULT_POINTS lists them all.
 */
export interface Faults {
  at(point: string): void | Promise<void>;
}

export const NO_FAULTS: Faults = { at() {} };

/** Before and after every step that acts, in both directions; each name once. */
function stepPoints(): string[] {
  const points = Object.values(STAGES).flatMap((stages) =>
    stages.flatMap((stage) =>
      (['up', 'down'] as const)
        .filter((direction) => stage[direction] !== undefined && !stage[direction].passive)
        .flatMap((direction) =>
          ['before', 'after'].map((when) => `${direction}.${stage.name}.${when}`),
        ),
    ),
  );
  return [...new Set(points)];
}

/** What is safe in the journal then: in the order of a command. */
const COMMAND_POINTS = [
  'attach.journalled',
  'attach.rest',
  'attach.rested',
  'attach.undone',
  'attach.forgotten',
  'detach.journalled',
  'detach.undone',
  'detach.forgotten',
  'memport.journalled',
  'memport.set',
  'memport.cleared',
  'epoch.journalled',
  'reconcile.read',
  'reconcile.begun',
  'reconcile.ended',
] as const;

/** Every place that is ever named. */
export const FAULT_POINTS: readonly string[] = [
  ...COMMAND_POINTS,
  ...stepPoints(),
  ...POLICY_POINTS,
];

/**
 * For tests with real processes: `SDM_FAULT=<point>` lets the process kill itself there.
 * @throws SDM_CONFIG for a point that there is not.
 */
export function faultsFromEnvironment(env: NodeJS.ProcessEnv = process.env): Faults {
  return faultsAmong(FAULT_POINTS, env);
}

/** The same, for another daemon's places. @throws SDM_CONFIG. */
export function faultsAmong(points: readonly string[], env: NodeJS.ProcessEnv): Faults {
  const wanted = env['SDM_FAULT'];
  if (wanted === undefined || wanted === '') return NO_FAULTS;
  if (!points.includes(wanted)) {
    throw new SdmError(
      'SDM_CONFIG',
      `SDM_FAULT is "${wanted}", which is no place to fail at; there are: ${points.join(', ')}`,
      { details: { key: 'SDM_FAULT', found: wanted } },
    );
  }
  return {
    at(point) {
      if (point !== wanted) return;
      process.kill(process.pid, 'SIGKILL');
      return new Promise(() => {}); // nothing of this process goes on
    },
  };
}
