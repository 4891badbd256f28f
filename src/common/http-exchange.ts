import { request as nodeRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { ERRORS, SdmError, type ErrorCode } from './errors.js';

/** An answer longer than this is a defect of the other side; reading on would only fill memory. */
const MAX_ANSWER = 64 * 1024 * 1024;
/** Between two attempts to get into a queue that is full. */
const QUEUE_FULL_MS = 20;
const DEFAULT_TIMEOUT_MS = 30_000;

/** Where requests go, and how. */
export interface Target {
  /** What errors call it: the path of a socket, or an address. */
  readonly place: string;
  /** Node's: `http.request` or `https.request`. */
  readonly request: typeof nodeRequest;
  /** How to connect: `socketPath`, or `host` and `port`; the agent; TLS. */
  readonly options: RequestOptions;
  /** The error that says why nobody answered, and what to do. */
  readonly unreachable: (asked: string, cause: unknown) => SdmError;
  /** Why who is at the other end of a connection is not to be trusted any more; undefined: they are. */
  readonly distrust?: (socket: Socket) => SdmError | undefined;
}

export interface Question {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the whole exchange, from connecting to the last byte. Default 30 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}
export interface Answer {
  readonly status: number;
  /** Parsed JSON; undefined if the answer has no body. */
  readonly body: unknown;
}

/**
 * One HTTP exchange. Answers of any status are returned, not thrown.
 * @throws SdmError what `target.unreachable` makes of it if nobody answers; SDM_TIMEOUT at the deadline,
 *   SDM_INTERNAL if the answer is not JSON; what node throws at the signal.
 */
export async function exchangeWith(target: Target, question: Question): Promise<Answer> {
  const { method = 'GET', path, timeoutMs = DEFAULT_TIMEOUT_MS, signal } = question;
  const asked = `${method} ${path} on ${target.place}`;
  // One timer and one listener: AbortSignal.any() would leave a trace in the signal for each call.
  const stop = new AbortController();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    stop.abort();
  }, timeoutMs);
  const onAbort = (): void => stop.abort(signal?.reason);
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  let raw: RawAnswer;
  try {
    raw = await sendWhenRoom(target, question, stop.signal);
  } catch (error) {
    if (late) {
      throw new SdmError('SDM_TIMEOUT', `${asked} was not answered within ${timeoutMs} ms`, {
        details: { socket: target.place, timeoutMs },
        cause: error,
      });
    }
    if (signal?.aborted === true || error instanceof SdmError) throw error;
    throw target.unreachable(asked, error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }

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

/**
 * Like {@link exchangeWith}, for callers that want the answer's body or an error.
 * @throws SdmError with the other side's own code, message and details if the status is not 2xx.
 */
export async function callWith(target: Target, question: Question): Promise<unknown> {
  const { status, body } = await exchangeWith(target, question);
  if (status >= 200 && status < 300) return body;
  throw refusal(target, question, status, body);
}

interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

/** Errors of connections that were kept from an earlier request, and that the other side has ended. */
const stale = new WeakSet<object>();
/** Errors of kept connections that were closed before anything was sent: who is there is not trusted any more. */
const unsent = new WeakSet<object>();

/**
 * A daemon that is busy for a moment has a queue of connections, which may be full: asks again then.
 * Nothing was sent before. Once more also where a kept connection had ended meanwhile, if what was
 * asked may be done twice. @throws what node throws, also at `signal`.
 */
async function sendWhenRoom(
  target: Target,
  question: Question,
  signal: AbortSignal,
): Promise<RawAnswer> {
  const payload = question.body === undefined ? undefined : JSON.stringify(question.body);
  if (question.method === 'POST') await hearOfEnds(target.options.agent);
  for (let again = question.method !== 'POST'; ;) {
    try {
      return await send(target, question, payload, signal);
    } catch (error) {
      if (unsent.has(error as object)) continue; // whoever is there now has to show a certificate
      if (again && !signal.aborted && stale.has(error as object)) {
        again = false;
        continue;
      }
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      await sleep(QUEUE_FULL_MS, undefined, { signal });
    }
  }
}

/**
 * Lets an agent hear of kept connections that ended meanwhile: a POST on one of those may not be sent
 * twice. Two turns, for one whole look at all sockets between them.
 */
async function hearOfEnds(agent: RequestOptions['agent']): Promise<void> {
  if (typeof agent !== 'object' || Object.keys(agent.freeSockets).length === 0) return;
  await turn();
  await turn();
}

function send(
  target: Target,
  { method = 'GET', path, headers = {} }: Question,
  payload: string | undefined,
  signal: AbortSignal,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const all =
      payload === undefined
        ? headers
        : {
            ...headers,
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(payload),
          };
    const request = target.request({ ...target.options, method, path, headers: all, signal });
    // An answer may come before the body is through (413), after which the write fails: keep the answer.
    // Where the write fails first, node closes the connection with what was not read of it, and there is
    // no way to ask for that: so daemons read on for a while, and the write does not fail.
    let answered = false;
    request.on('error', (error) => {
      if (answered) return;
      if (request.reusedSocket) stale.add(error);
      reject(error);
    });
    const { distrust } = target;
    if (distrust !== undefined) {
      request.on('socket', (socket) => {
        const error = request.reusedSocket ? distrust(socket) : undefined;
        if (error === undefined) return;
        unsent.add(error);
        request.destroy(error);
      });
    }
    request.on('response', (response) => {
      answered = true;
      const { socket } = response;
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
        // a long answer may be of somebody who was revoked meanwhile
        const error = distrust?.(socket);
        if (error !== undefined) {
          socket.destroy();
          reject(error);
          return;
        }
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(chunks).toString('utf8'),
        });
      });
    });
    request.end(payload);
  });
}

/** A question whose answer goes on for as long as both sides like. */
export interface StreamQuestion {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the answer to begin. Default 30 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * GETs an answer and gives its text piece by piece, as it comes. Whoever stops
 * reading closes the connection. Ends where the other side ends it.
 * @throws SdmError SDM_UNREACHABLE if nobody answers or the connection breaks; SDM_TIMEOUT if the
 *   answer does not begin in time; the other side's own error if the status is not 2xx; the reason of
 *   the signal.
 */
export async function* streamWith(
  target: Target,
  question: StreamQuestion,
): AsyncGenerator<string> {
  const { path, headers = {}, timeoutMs = DEFAULT_TIMEOUT_MS, signal } = question;
  const asked = `GET ${path} on ${target.place}`;
  const request = target.request({
    ...{ ...target.options, path, headers, agent: false },
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    const response = await begin(request, asked, timeoutMs);
    const status = response.statusCode ?? 0;
    response.setEncoding('utf8');
    if (status >= 200 && status < 300) {
      const { socket } = response;
      for await (const piece of response) {
        const error = target.distrust?.(socket);
        if (error !== undefined) throw error;
        yield piece as string;
      }
      return;
    }
    let text = '';
    for await (const piece of response) {
      text += piece as string;
      if (text.length > MAX_ANSWER) break;
    }
    throw refusal(target, question, status, parsed(text));
  } catch (error) {
    // what the connection says of an abort differs with the moment
    if (signal?.aborted === true) throw signal.reason;
    throw error instanceof SdmError ? error : target.unreachable(asked, error);
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
  { place }: Target,
  { method = 'GET', path }: Pick<Question, 'method' | 'path'>,
  status: number,
  body: unknown,
): SdmError {
  if (isErrorBody(body)) {
    const { code, message, details } = body;
    return new SdmError(code, message, details === undefined ? {} : { details });
  }
  return new SdmError(
    'SDM_INTERNAL',
    `${method} ${path} on ${place} answered ${status} ` +
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
