import type { PolicyRules } from './types.js';

/** Keeps long runs and large islands for those who need them. */
export const nearest: PolicyRules = {
  name: 'nearest',
  about: 'fewest hops, then the run and the island that fit best',
  rank: 'run',
  from: 'least',
  stay: true,
  sameBox: false,
  computeCost: (cores) => cores,
  memoryCost: (run) => run,
};
