import type { PolicyName } from '../types.js';
import { nearest } from './nearest.js';
import { pack } from './pack.js';
import { sameBox } from './same-box.js';
import { spread } from './spread.js';
import type { PolicyRules } from './types.js';

/** All policies by name; the first is the default. One more is a file, a line here and its name in `PolicyName`. */
export const POLICIES: Readonly<Record<PolicyName, PolicyRules>> = {
  nearest,
  spread,
  pack,
  'same-box': sameBox,
};

export const POLICY_NAMES = Object.keys(POLICIES) as readonly PolicyName[];
export const DEFAULT_POLICY: PolicyName = 'nearest';
