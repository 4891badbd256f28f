/** HTTP over Unix sockets, a connection for each request: http-client.ts keeps them, and goes further. */
import { statSync } from 'node:fs';
import { request as nodeRequest } from 'node:http';
import { SdmError } from './errors.js';
import {
  callWith,
  exchangeWith,
  streamWith,
  type Answer,
  type Question,
  type StreamQuestion,
  type Target,
} from './http-exchange.js';

export interface UnixRequest extends Question {
  readonly socketPath: string;
}

export type UnixAnswer = Answer;

/** A question whose answer goes on for as long as both sides like. */
export interface UnixStreamRequest extends StreamQuestion {
  readonly socketPath: string;
}

/** The daemon at a Unix socket. */
export function unixTarget(socketPath: string): Target {
  return {
    place: socketPath,
    request: nodeRequest,
    options: { socketPath, agent: false },
    unreachable: (asked, cause) => unreachable(socketPath, asked, cause),
  };
}

/**
 * One HTTP exchange over a Unix socket. Answers of any status are returned, not thrown.
 * @throws SdmError SDM_UNREACHABLE if nobody answers (the message says why and what to do),
 *   SDM_TIMEOUT at the deadline, SDM_INTERNAL if the answer is not JSON.
 */
export function exchange({ socketPath, ...question }: UnixRequest): Promise<UnixAnswer> {
  return exchangeWith(unixTarget(socketPath), question);
}

/**
 * Like {@link exchange}, for callers that want the answer's body or an error.
 * @throws SdmError with the other side's own code, message and details if the status is not 2xx.
 */
export function call({ socketPath, ...question }: UnixRequest): Promise<unknown> {
  return callWith(unixTarget(socketPath), question);
}

/** {@link streamWith} over a Unix socket. */
export function stream({ socketPath, ...question }: UnixStreamRequest): AsyncGenerator<string> {
  return streamWith(unixTarget(socketPath), question);
}

/** Whether there is something that is no socket: Linux refuses as if nobody listened. */
function isOther(path: string): boolean {
  try {
    return !statSync(path).isSocket();
  } catch {
    return false; // gone since
  }
}

/** Why nobody answers at a Unix socket, and what to do. */
function unreachable(socket: string, asked: string, cause: unknown): SdmError {
  const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
  const reasons: Record<string, string> = {
    ENOENT: 'there is no such socket; start the daemon, or name its socket with --socket',
    ECONNREFUSED: isOther(socket)
      ? 'this is no socket; name the right one with --socket'
      : 'the socket is there but its daemon is dead; start the daemon again',
    EACCES: 'you may not use this socket; become root or a member of the group that owns it',
    ECONNRESET: 'the daemon closed the connection before it answered; see its log',
    EPIPE: 'the daemon closed the connection before it answered; see its log',
  };
  const reason = reasons[errno] ?? (cause instanceof Error ? cause.message : String(cause));
  return new SdmError('SDM_UNREACHABLE', `cannot do ${asked}: ${reason} (${errno})`, {
    details: { socket, errno },
    cause,
  });
}
