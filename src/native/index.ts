import bindings from 'bindings';
import type { Native } from './types.js';

export * from './types.js';

/** The only place that knows how the addon is found: `bindings` looks in build/Release. */
export const native: Native = bindings('sdm_native');
