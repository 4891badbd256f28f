import { nearest } from './nearest.js';
import type { PolicyRules } from './types.js';

/** Refuses rather than leave the box: nothing outside of it is wired, and nothing there can fail it. */
export const sameBox: PolicyRules = {
  ...nearest,
  name: 'same-box',
  about: 'as nearest, with memory of the same box only',
  sameBox: true,
};
