import type { PolicyName } from '../types.js';

/**
 * A policy decides between places that are equally near: a walk always goes from the compute brick
 * outwards, and one run is always preferred to several. Costs: the lowest is taken, the first one of
 * equal ones.
 */
export interface PolicyRules {
  readonly name: PolicyName;
  /** One line for people. */
  readonly about: string;
  /** Groups (what meets at one switch) are tried by the longest run that they have, or by all that is free. */
  readonly rank: 'run' | 'free';
  /** From those that just suffice, or from those that have most. */
  readonly from: 'least' | 'most';
  /** Takes the place where something changed last if it will do, before others are looked at. */
  readonly stay: boolean;
  /** Remote memory only from the compute brick's own box. */
  readonly sameBox: boolean;
  /** @param cores the most that one island has free. @param local free MiB. */
  computeCost(cores: number, local: number): number;
  /** Of a memory brick that has a run that is long enough. @param run its longest. @param free all. */
  memoryCost(run: number, free: number): number;
}
