/** What a test needs to load a real agent: requests of any form, and a look at its process. */
import { readdirSync, readFileSync } from 'node:fs';
import { Agent as Connections, request as send } from 'node:http';
import { connect, type Socket } from 'node:net';

const DEADLINE_MS = 60_000;

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  /** Sent as it is. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RawAnswer {
  readonly status: number;
  /** Content type without its parameters. */
  readonly type: string;
  readonly text: string;
}

/** One client with one connection, which it keeps if `keepAlive`. */
export class WireClient {
  readonly #socketPath: string;
  readonly #connections: Connections;

  constructor(socketPath: string, keepAlive: boolean) {
    this.#socketPath = socketPath;
    this.#connections = new Connections({ keepAlive, maxSockets: 1 });
  }

  ask({ method, path, text, headers = {} }: RawRequest): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      const request = send({
        socketPath: this.#socketPath,
        agent: this.#connections,
        signal: AbortSignal.timeout(DEADLINE_MS),
        method,
        path,
        headers: text === undefined ? headers : { 'content-type': 'application/json', ...headers },
      });
      request.on('error', (cause) => {
        reject(new Error(`${method} ${path}: ${cause.message}`, { cause }));
      });
      request.on('response', (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        response.on('error', reject);
        response.on('end', () => {
          const type = String(response.headers['content-type']).split(';')[0]!;
          resolve({ status: response.statusCode ?? 0, type, text: body });
        });
      });
      request.end(text);
    });
  }

  close(): void {
    this.#connections.destroy();
  }
}

/** A connection of which the test decides each byte. */
export class RawConnection {
  heard = '';
  readonly closed: Promise<string>;
  readonly socket: Socket;

  constructor(socketPath: string) {
    this.socket = connect({ path: socketPath, allowHalfOpen: true });
    // The agent ends what it does not like, in the middle of a write or before: that is no failure.
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve(this.heard)));
  }

  /** Reads from now on; without it nothing is taken from the agent. */
  listen(): this {
    this.socket.setEncoding('latin1').on('data', (chunk: string) => (this.heard += chunk));
    this.socket.on('end', () => this.socket.end());
    return this;
  }

  /** What was heard when the agent closed it. @throws if it does not. */
  async untilClosed(timeoutMs = DEADLINE_MS): Promise<string> {
    return within(timeoutMs, 'the agent to close a connection', this.closed);
  }

  end(): void {
    this.socket.destroy();
  }
}

/** @throws at the deadline, saying what did not come. */
export async function within<T>(timeoutMs: number, what: string, of: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms for ${what}`)), timeoutMs);
  });
  return Promise.race([of, late]).finally(() => clearTimeout(timer));
}

/** Every HTTP answer in what was heard on a connection, by its Content-Length. */
export function answersIn(heard: string): { status: number; body: unknown }[] {
  const answers: { status: number; body: unknown }[] = [];
  for (let rest = heard; rest !== '';) {
    const head = /^HTTP\/1\.1 (\d{3}) [^\r]*\r\n(.*?)\r\n\r\n/s.exec(rest);
    if (head === null) throw new Error(`no answer: ${JSON.stringify(rest.slice(0, 200))}`);
    rest = rest.slice(head[0].length);
    const status = Number(head[1]);
    if (status === 100) continue;
    const length = Number(/^content-length: (\d+)$/im.exec(head[2]!)?.[1] ?? 'NaN');
    answers.push({ status, body: JSON.parse(rest.slice(0, length)) as unknown });
    rest = rest.slice(length);
  }
  return answers;
}

function statusOf(pid: number, name: string): bigint {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(
    readFileSync(`/proc/${pid}/status`, 'utf8'),
  );
  return BigInt(found![1]!) << 10n;
}

/** Bytes of memory that a process has now. */
export const residentOf = (pid: number): bigint => statusOf(pid, 'VmRSS');
/** The most that it ever had. */
export const peakOf = (pid: number): bigint => statusOf(pid, 'VmHWM');
/** Open files, connections among them. */
export const filesOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** Looks until it is so. @throws at the deadline. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited ${DEADLINE_MS} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
