import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { linger, type LingerLimits } from './linger.js';

export interface ConnectionLimits extends LingerLimits {
  /** Connections at a time. */
  readonly connections: number;
  /** Requests of one connection that are answered or wait for that. */
  readonly requests: number;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/**
 * The connections of a server, none of which may keep others out. Requests that come one behind the
 * other on one connection are handled one by one, and between two of them it is others' turn. Where
 * there are more connections than may be, the one goes that has been silent for longest.
 */
export class Connections {
  readonly #handler: RequestListener;
  readonly #limits: ConnectionLimits;
  readonly #tooMany: (socket: Socket) => void;
  /** Without a request that has its headers and not its answer; silent for longest comes first. */
  readonly #silent = new Set<Socket>();
  /** Of TLS, by who is at the other end. */
  readonly #handshakes = new Map<string, Socket>();
  /** The first one is being answered, the others wait. */
  readonly #exchanges = new Map<Socket, Exchange[]>();

  /** @param tooMany is to end a connection that sends more requests than wait. */
  constructor(
    server: Server,
    handler: RequestListener,
    limits: ConnectionLimits,
    tooMany: (socket: Socket) => void,
  ) {
    this.#handler = handler;
    this.#limits = limits;
    this.#tooMany = tooMany;
    const isTls = 'setSecureContext' in server;
    server.on('connection', (socket: Socket) => {
      if (isTls) this.#greet(socket);
      this.#arrive(socket);
    });
    server.on('secureConnection', (socket: Socket) => {
      const greeted = this.#handshakes.get(peerOf(socket));
      if (greeted !== undefined) this.#forget(greeted);
      this.#arrive(socket);
    });
    server.on('request', (request, response) => this.#begin({ request, response }));
  }

  /** The last answer that is still to be given to a request that came whole; undefined: none is. */
  pending(socket: Socket): ServerResponse | undefined {
    return this.#exchanges.get(socket)?.findLast(({ request }) => request.complete)?.response;
  }

  /**
   * Closes a connection after what was written to it, for a client that may not have sent all yet.
   * What waits on it is not done; it is silent from now on, so it keeps nobody out.
   */
  close(socket: Socket): void {
    this.#exchanges.delete(socket);
    this.#silent.add(socket);
    linger(socket, this.#limits);
  }

  #arrive(socket: Socket): void {
    this.#silent.add(socket);
    socket.once('close', () => this.#forget(socket));
    // This is how node ends a connection after its last answer.
    const { destroySoon } = socket;
    socket.destroySoon = () => {
      if (this.#isSending(socket)) this.close(socket);
      else destroySoon.call(socket);
    };
    if (this.#silent.size + this.#exchanges.size > this.#limits.connections) this.#makeRoom();
  }

  /** Until the handshake is done: then another object stands for the connection. */
  #greet(socket: Socket): void {
    const peer = peerOf(socket);
    this.#handshakes.set(peer, socket);
    socket.once('close', () => {
      if (this.#handshakes.get(peer) === socket) this.#handshakes.delete(peer);
    });
  }

  /** Whether the request that is answered did not come whole yet. */
  #isSending(socket: Socket): boolean {
    return this.#exchanges.get(socket)?.[0]?.request.complete === false;
  }

  #begin(exchange: Exchange): void {
    const { socket } = exchange.request;
    if (!socket.writable) return; // it closes
    const waiting = this.#exchanges.get(socket);
    if (waiting === undefined) {
      this.#silent.delete(socket);
      this.#exchanges.set(socket, [exchange]);
      this.#handle(exchange);
    } else if (waiting.length < this.#limits.requests) {
      waiting.push(exchange);
    } else {
      this.#tooMany(socket);
    }
  }

  #handle({ request, response }: Exchange): void {
    response.once('close', () => this.#next(request.socket));
    this.#handler(request, response);
  }

  /** After one was answered. */
  #next(socket: Socket): void {
    const waiting = this.#exchanges.get(socket);
    if (waiting === undefined) return;
    waiting.shift();
    const [next] = waiting;
    if (next === undefined) {
      this.#exchanges.delete(socket);
      this.#silent.add(socket);
      return;
    }
    setImmediate(() => {
      if (socket.writable) this.#handle(next);
    });
  }

  /** What waits on a connection that is gone is not done. */
  #forget(socket: Socket): void {
    this.#silent.delete(socket);
    this.#exchanges.delete(socket);
  }

  /** The newest is silent still: where all others are being answered it is the one that goes. */
  #makeRoom(): void {
    const [longest] = this.#silent;
    if (longest === undefined) return;
    this.#forget(longest);
    longest.destroy();
  }
}

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
