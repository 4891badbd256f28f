import { faultsAmong, type Faults } from '../faults.js';

/** Places at which a crash is of interest; see src/agent/faults.ts. */
export const LENDER_FAULT_POINTS = [
  'open.locked',
  'open.begun',
  'open.looked',
  'grant.checked',
  'grant.journalled',
  'drop.checked',
  'drop.journalled',
  'drop.scrubbed',
  'scrub.asked',
  'scrub.before',
  'scrub.proven',
  'scrub.journalled',
  'stray.journalled',
  'epoch.journalled',
] as const;

/** @throws SDM_CONFIG for a point that there is not. */
export function lenderFaults(env: NodeJS.ProcessEnv = process.env): Faults {
  return faultsAmong(LENDER_FAULT_POINTS, env);
}
