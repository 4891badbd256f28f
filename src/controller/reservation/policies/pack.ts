import type { PolicyRules } from './types.js';

/** Leaves bricks and boxes empty that could be switched off. */
export const pack: PolicyRules = {
  name: 'pack',
  about: 'fewest hops, then the fullest bricks',
  rank: 'free',
  from: 'least',
  stay: false,
  sameBox: false,
  computeCost: (cores) => cores,
  memoryCost: (_run, free) => free,
};
