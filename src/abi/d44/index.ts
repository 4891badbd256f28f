/** D4.4's command to an agent: text ⇄ values. What the formats are: docs/d44.md. */
export {
  checkAdd,
  misalignment,
  segmentName,
  type Misalignment,
  type SegmentChecks,
} from './check.js';
export { decodeCommand, parseCommand } from './decode.js';
export { encodeCommand, printCommand, type JsonCommand, type JsonSegment } from './encode.js';
export { SEGMENTS_MAX, TEXT_MAX } from './limits.js';
export { parseLiteral, type Literal } from './parser.js';
export {
  ACTIONS,
  sizeOf,
  type Action,
  type AddCommand,
  type AddSegment,
  type Command,
  type LocalRange,
  type RemoveCommand,
  type RemoveSegment,
} from './types.js';
