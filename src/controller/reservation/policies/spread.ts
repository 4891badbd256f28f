import type { PolicyRules } from './types.js';

/** What fails takes few platforms along, and links share the load. */
export const spread: PolicyRules = {
  name: 'spread',
  about: 'fewest hops, then the emptiest bricks',
  rank: 'free',
  from: 'most',
  stay: false,
  sameBox: false,
  computeCost: (cores) => -cores,
  memoryCost: (_run, free) => -free,
};
