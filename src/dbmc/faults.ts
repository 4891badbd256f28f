import { SdmError } from '../common/errors.js';

/** Places at which a test ends the daemon: what is told is not kept, kept, or kept and done. */
export const FAULT_POINTS = [
  'connect.before',
  'connect.kept',
  'connect.linked',
  'disconnect.before',
  'disconnect.kept',
  'disconnect.linked',
  'state.written',
  'state.renamed',
] as const;
export type FaultPoint = (typeof FAULT_POINTS)[number];

/** Ends the process at the point that it was told of; in use it does nothing. */
export type FaultAt = (point: FaultPoint) => void | Promise<never>;

/**
 * For tests with real processes: `SDM_FAULT=<point>` lets the daemon kill itself there.
 * @throws SDM_CONFIG for a point that there is not.
 */
export function faultsFromEnvironment(env: NodeJS.ProcessEnv = process.env): FaultAt {
  const wanted = env['SDM_FAULT'];
  if (wanted === undefined || wanted === '') return () => {};
  if (!FAULT_POINTS.some((point) => point === wanted)) {
    throw new SdmError(
      'SDM_CONFIG',
      `SDM_FAULT is "${wanted}", which is no place to fail at; there are: ${FAULT_POINTS.join(', ')}`,
      { details: { key: 'SDM_FAULT', found: wanted } },
    );
  }
  return (point) => {
    if (point !== wanted) return;
    process.kill(process.pid, 'SIGKILL');
    return new Promise<never>(() => {}); // nothing of this process goes on
  };
}
