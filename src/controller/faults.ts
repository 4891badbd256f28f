import { SdmError } from '../common/errors.js';
import { NO_FAULTS, type Faults } from '../agent/faults.js';

export { NO_FAULTS, type Faults } from '../agent/faults.js';

/** What a command writes to the store, in the order of its life. */
export const COMMITS = [
  'epoch',
  'allocate.begin',
  'allocate.active',
  'grow.begin',
  'grow.active',
  'undo.end',
  'undo.pending',
  'shrink.begin',
  'shrink.end',
  'shrink.pending',
  'release.begin',
  'release.end',
  'release.pending',
  'scrub.end',
  'brick',
  'network',
  'tray',
  'forget',
  'save',
] as const;
export type CommitName = (typeof COMMITS)[number];

/** What is done at bricks, lenders and switches. */
export const STEPS = ['grant', 'wire', 'attach', 'detach', 'unwire', 'scrub'] as const;
export type StepName = (typeof STEPS)[number];

/** Every place that is ever named: before and after each commit and each step. */
export const FAULT_POINTS: readonly string[] = [
  ...[...COMMITS, ...STEPS].flatMap((name) => [`${name}.before`, `${name}.after`]),
  'start.loaded',
  'start.reconciled',
];

/**
 * For tests with real processes: `SDM_FAULT=<point>` lets the process kill itself there.
 * @throws SDM_CONFIG for a point that there is not.
 */
export function faultsFromEnvironment(env: NodeJS.ProcessEnv = process.env): Faults {
  const wanted = env['SDM_FAULT'];
  if (wanted === undefined || wanted === '') return NO_FAULTS;
  if (!FAULT_POINTS.includes(wanted)) {
    throw new SdmError(
      'SDM_CONFIG',
      `SDM_FAULT is "${wanted}", which is no place to fail at; there are: ${FAULT_POINTS.join(', ')}`,
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
