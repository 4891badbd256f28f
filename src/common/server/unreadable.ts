import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { SdmError, type ErrorCode } from '../errors.js';
import type { Connections } from './connections.js';
import { statusOf, toAnswer } from './errors.js';

const KNOWN: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['SDM_SLOW', 'the request did not arrive whole in time'],
  HPE_HEADER_OVERFLOW: ['SDM_TOO_LARGE', 'the headers are longer than 16 KiB'],
};

/**
 * Answers in the one form of errors what never becomes a request: node has parsed nothing, or would
 * answer by itself in a form of its own. The connection ends with the answer.
 */
export class Unreadable {
  readonly #refused: (code: ErrorCode) => void;
  readonly #refusing = new WeakSet<Socket>();
  #connections: Connections | undefined;

  /** @param refused hears the code of each refusal. */
  constructor(refused: (code: ErrorCode) => void) {
    this.#refused = refused;
  }

  /** Takes over what node would answer by itself. */
  watch(server: Server, connections: Connections): void {
    this.#connections = connections;
    server.on('checkExpectation', ({ headers, socket }) => {
      this.refuse(socket, 'SDM_INPUT', `this daemon does not know "Expect: ${headers.expect}"`);
    });
    server.on('connect', (_request, socket: Socket) => {
      // Node has left it to us: a client that is gone must not end the daemon.
      socket.on('error', () => {});
      this.refuse(socket, 'SDM_INPUT', 'this daemon is no proxy: there is no CONNECT');
    });
  }

  /** What node could not parse, or did not get in time. */
  clientError(error: NodeJS.ErrnoException, socket: Socket): void {
    // Of TLS: what was written now would be no TLS, or never arrive.
    const isTls = error.code === 'EPROTO' || /^ERR_(SSL|TLS)_/.test(error.code ?? '');
    if (isTls || error.code === 'ECONNRESET' || (!socket.writable && !this.#refusing.has(socket))) {
      socket.destroy();
      return;
    }
    const [code, message] = KNOWN[error.code ?? ''] ?? [
      'SDM_INPUT',
      `this is not HTTP: ${error.message}`,
    ];
    this.refuse(socket, code, message);
  }

  /** Ends a connection, once, and after the answers to what could be read before. */
  refuse(socket: Socket, code: ErrorCode, message: string): void {
    if (this.#refusing.has(socket)) return;
    this.#refusing.add(socket);
    const before = this.#connections?.pending(socket);
    if (before === undefined) {
      this.#end(socket, new SdmError(code, message));
      return;
    }
    socket.pause();
    before.once('close', () => this.#end(socket, new SdmError(code, message)));
  }

  #end(socket: Socket, error: SdmError): void {
    const answer = toAnswer(error);
    this.#refused(answer.code);
    if (!socket.writable) return;
    const body = JSON.stringify(answer);
    socket.end(
      `HTTP/1.1 ${statusOf(answer.code)} Refused\r\n` +
        'Content-Type: application/json; charset=utf-8\r\n' +
        `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
    this.#connections?.close(socket);
  }
}
