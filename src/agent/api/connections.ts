import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * The connections of a server, and what is being answered on each. Where there are more than may be,
 * the one goes that has been silent for longest: clients that hold connections and say nothing, or
 * say it slowly, do not keep others out.
 */
export class Connections {
  /** Without a request that has its headers and not its answer; silent for longest comes first. */
  readonly #silent = new Set<Socket>();
  readonly #answering = new Map<Socket, Set<ServerResponse>>();

  /** @param most connections at a time. */
  constructor(server: Server, most: number) {
    server.on('connection', (socket: Socket) => {
      this.#silent.add(socket);
      socket.once('close', () => this.#forget(socket));
      if (this.#silent.size + this.#answering.size > most) this.#makeRoom();
    });
    server.on('request', ({ socket }, response) => this.#begin(socket, response));
  }

  /** The last answer that is still to be given to a request that came whole; undefined: none is. */
  pending(socket: Socket): ServerResponse | undefined {
    const answers = [...(this.#answering.get(socket) ?? [])];
    return answers.findLast(({ req }) => req.complete);
  }

  #begin(socket: Socket, response: ServerResponse): void {
    this.#silent.delete(socket);
    const answers = this.#answering.get(socket) ?? new Set();
    this.#answering.set(socket, answers.add(response));
    response.once('close', () => {
      answers.delete(response);
      if (answers.size > 0 || !this.#answering.delete(socket)) return;
      if (!socket.destroyed) this.#silent.add(socket);
    });
  }

  #forget(socket: Socket): void {
    this.#silent.delete(socket);
    this.#answering.delete(socket);
  }

  /** The newest is silent still: where all others are being answered it is the one that goes. */
  #makeRoom(): void {
    const [longest] = this.#silent;
    if (longest === undefined) return;
    this.#forget(longest);
    longest.destroy();
  }
}
