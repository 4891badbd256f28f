import { statSync } from 'node:fs';
import { request as nodeRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { ERRORS, SdmError, type ErrorCode } from './errors.js';

/** An answer longer than this is a defect of the other side; reading on would only fill memory. */
const MAX_ANSWER = 64 * 1024 * 1024;
/** Between two attempts to get into a queue that is full. */
const QUEUE_FULL_MS = 20;

export interface UnixRequest {
  readonly socketPath: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** For the whole exchange, from connecting to the last byte. Default 30 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface UnixAnswer {
  readonly status: number;
  /** Parsed JSON; undefined if the answer has no body. */
  readonly body: unknown;
}

/**
 * One HTTP exchange over a Unix socket. Answers of any status are returned, not thrown.
 * @throws SdmError SDM_UNREACHABLE if nobody answers (the message says why and what to do),
 *   SDM_TIMEOUT at the deadline, SDM_INTERNAL if the answer is not JSON.
 */
export async function exchange(options: UnixRequest): Promise<UnixAnswer> {
  const { socketPath, method = 'GET', path, timeoutMs = 30_000 } = options;
  const payload = options.body === undefined ? undefined : JSON.stringify(options.body);
  const deadline = AbortSignal.timeout(timeoutMs);
  const signal =
    options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
  const asked = `${method} ${path} on ${socketPath}`;

  const raw = await sendWhenRoom(options, payload, signal).catch((error: unknown) => {
    if (deadline.aborted) {
      throw new SdmError('SDM_TIMEOUT', `${asked} was not answered within ${timeoutMs} ms`, {
        details: { socket: socketPath, timeoutMs },
        cause: error,
      });
    }
    if (options.signal?.aborted === true) throw error;
    throw unreachable(socketPath, asked, error);
  });

  if (raw.text === '') return { status: raw.status, body: undefined };
  try {
    return { status: raw.status, body: JSON.parse(raw.text) as unknown };
  } catch (cause) {
    throw new SdmError('SDM_INTERNAL', `${asked} answered ${raw.status} with something not JSON`, {
      details: { status: raw.status, start: raw.text.slice(0, 200) },
      cause,
    });
  }
}

interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * A daemon that is busy for a moment has a queue of connections, which may be full: asks again then.
 * Nothing was sent before. @throws what node throws, also at `signal`.
 */
async function sendWhenRoom(
  options: UnixRequest,
  payload: string | undefined,
  signal: AbortSignal,
): Promise<RawAnswer> {
  for (;;) {
    try {
      return await send(options, payload, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      await sleep(QUEUE_FULL_MS, undefined, { signal });
    }
  }
}

function send(
  { socketPath, method = 'GET', path }: UnixRequest,
  payload: string | undefined,
  signal: AbortSignal,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const headers =
      payload === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) };
    const request = nodeRequest({ socketPath, method, path, headers, agent: false, signal });
    // An answer may come before the body is through (413), after which the write fails: keep the answer.
    // Where the write fails first, node closes the connection with what was not read of it, and there is
    // no way to ask for that: so the agent reads on for a while, and the write does not fail.
    let answered = false;
    request.on('error', (error) => {
      if (!answered) reject(error);
    });
    request.on('response', (response) => {
      answered = true;
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MAX_ANSWER) {
          response.destroy(new Error(`the answer is longer than ${MAX_ANSWER} bytes`));
        } else {
          chunks.push(chunk);
        }
      });
      response.on('error', reject);
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(chunks).toString('utf8'),
        });
      });
    });
    request.end(payload);
  });
}

/**
 * Like {@link exchange}, for callers that want the answer's body or an error.
 * @throws SdmError with the other side's own code, message and details if the status is not 2xx.
 */
export async function call(options: UnixRequest): Promise<unknown> {
  const { status, body } = await exchange(options);
  if (status >= 200 && status < 300) return body;
  throw refusal(options, status, body);
}

/** A question whose answer goes on for as long as both sides like. */
export interface UnixStreamRequest {
  readonly socketPath: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the answer to begin. Default 30 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * GETs an answer over a Unix socket and gives its text piece by piece, as it comes. Whoever stops
 * reading closes the connection. Ends where the other side ends it.
 * @throws SdmError SDM_UNREACHABLE if nobody answers or the connection breaks; SDM_TIMEOUT if the
 *   answer does not begin in time; the other side's own error if the status is not 2xx; the reason of
 *   the signal.
 */
export async function* stream(options: UnixStreamRequest): AsyncGenerator<string> {
  const { socketPath, path, headers = {}, timeoutMs = 30_000, signal } = options;
  const asked = `GET ${path} on ${socketPath}`;
  const request = nodeRequest({
    ...{ socketPath, path, headers, agent: false },
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    const response = await begin(request, asked, timeoutMs);
    const status = response.statusCode ?? 0;
    response.setEncoding('utf8');
    if (status >= 200 && status < 300) {
      for await (const piece of response) yield piece as string;
      return;
    }
    let text = '';
    for await (const piece of response) {
      text += piece as string;
      if (text.length > MAX_ANSWER) break;
    }
    throw refusal(options, status, parsed(text));
  } catch (error) {
    // what the connection says of an abort differs with the moment
    if (signal?.aborted === true) throw signal.reason;
    throw error instanceof SdmError ? error : unreachable(socketPath, asked, error);
  } finally {
    request.destroy();
  }
}

/** Sends the request and waits for the head of its answer. */
function begin(request: ClientRequest, asked: string, timeoutMs: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new SdmError('SDM_TIMEOUT', `${asked} was not answered within ${timeoutMs} ms`));
    }, timeoutMs);
    // stays: an error after the head is told by the answer, and must not end the process here
    request.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    request.once('response', (response: IncomingMessage) => {
      clearTimeout(timer);
      resolve(response);
    });
    request.end();
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text.slice(0, 200);
  }
}

/** An answer that is no success, as the error that it stands for. */
function refusal(
  asked: { readonly method?: string; readonly path: string; readonly socketPath: string },
  status: number,
  body: unknown,
): SdmError {
  if (isErrorBody(body)) {
    const { code, message, details } = body;
    return new SdmError(code, message, details === undefined ? {} : { details });
  }
  return new SdmError(
    'SDM_INTERNAL',
    `${asked.method ?? 'GET'} ${asked.path} on ${asked.socketPath} answered ${status} ` +
      'in a form that this version does not know',
    { details: { status, body } },
  );
}

interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: Record<string, unknown>;
}

function isErrorBody(body: unknown): body is ErrorBody {
  if (typeof body !== 'object' || body === null) return false;
  const { code, message, details } = body as Record<string, unknown>;
  return (
    typeof code === 'string' &&
    Object.hasOwn(ERRORS, code) &&
    typeof message === 'string' &&
    (details === undefined || (typeof details === 'object' && details !== null))
  );
}

/** Whether there is something that is no socket: Linux refuses as if nobody listened. */
function isOther(path: string): boolean {
  try {
    return !statSync(path).isSocket();
  } catch {
    return false; // gone since
  }
}

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
