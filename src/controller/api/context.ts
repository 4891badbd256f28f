import type { ErrorCode } from '../../common/errors.js';
import type { OpenTransport } from '../synthesizer/transport.js';
import type { ControllerCore } from '../types.js';
import type { Idempotency } from './idempotency.js';

/** What the routes work on. */
export interface ApiContext {
  readonly core: ControllerCore;
  readonly idempotency: Idempotency;
  /** The way to an agent, for commands that are passed on as they are. */
  readonly open: OpenTransport;
  /** Counts an answer that is an error. */
  readonly refused: (code: ErrorCode) => void;
}

/** A view as an answer. The types of views are read-only, those of schemas are not; tests hold each against its schema. */
export const shown = (view: unknown): never => view as never;
