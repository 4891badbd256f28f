import { STREAM_LIMITS, type StreamLimits } from './event-streams.js';
import type { LingerLimits } from './linger.js';

/** Against clients that are slow, broken or many. Milliseconds and bytes. */
export interface Limits extends StreamLimits, LingerLimits {
  /** Of a body; a route may name its own as `bodyLimit`. */
  readonly bodyLimit: number;
  /** For the whole request to arrive. */
  readonly requestTimeout: number;
  readonly headersTimeout: number;
  /** For a TLS handshake. */
  readonly handshakeTimeout: number;
  /** An idle connection is closed after it. */
  readonly keepAliveTimeout: number;
  /** Above it the connection is closed that has been silent for longest. */
  readonly maxConnections: number;
  /** Requests on one connection that are answered or wait for that; one more ends it. */
  readonly maxPipelined: number;
}

export const LIMITS: Limits = {
  bodyLimit: 64 * 1024,
  requestTimeout: 10_000,
  headersTimeout: 5_000,
  handshakeTimeout: 5_000,
  keepAliveTimeout: 5_000,
  maxConnections: 512,
  maxPipelined: 64,
  // Enough for what anybody sends here by mistake, and for a machine that is busy.
  lingerBytes: 16 * 1024 * 1024,
  lingerTimeout: 5_000,
  ...STREAM_LIMITS,
};
