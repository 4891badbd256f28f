/** The register ABI in TypeScript, in one import: see docs/memport-abi.md for what it says. */
export * from './constants.js';
export { hex } from './numbers.js';
export * from './offset.js';
export * from './status.js';
export * from './features.js';
export * from './parser.js';
export * from './writer.js';
export * from './frame.js';
export * from './profiles.js';
