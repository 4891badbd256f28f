export * from './types.js';
export { openStore } from './sqlite.js';
