import type { Reconciler, ReconcilePort } from '../types.js';
import { ReconcileLoop } from './reconciler.js';
import type { ReconcileParts } from './types.js';

export { RECONCILE_OPTIONS, type ReconcileOptions, type ReconcileParts } from './types.js';

/** The loop that holds the rack to what the store says; docs/controller.md says what it does when. */
export function createReconciler(port: ReconcilePort, parts: ReconcileParts): Reconciler {
  return new ReconcileLoop(port, parts);
}
