import { connect, type Socket } from 'node:net';
import { SdmError } from '../common/errors.js';

/** A message of QEMU's: greeting, answer, refusal or event. */
interface Message {
  readonly QMP?: unknown;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
  readonly event?: string;
  readonly id?: number;
}

interface Waiter {
  resolve(message: Message): void;
  reject(error: SdmError): void;
}

/**
 * A client of QEMU's machine protocol over a Unix socket: one line of JSON a message. Every call has
 * a deadline; a lost connection fails all that wait. Events are dropped: nothing here needs them.
 */
export class Qmp {
  readonly #socket: Socket;
  readonly #path: string;
  readonly #waiters = new Map<number, Waiter>();
  #buffer = '';
  #nextId = 1;
  #lost: SdmError | undefined;
  #tellLost: (why: SdmError) => void = () => {};
  /** Resolves when the connection is no more, with the reason. */
  readonly lost = new Promise<SdmError>((resolve) => (this.#tellLost = resolve));

  private constructor(socket: Socket, path: string) {
    this.#socket = socket;
    this.#path = path;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('error', (cause) => this.#lose(`failed: ${cause.message}`, cause));
    socket.on('close', () => this.#lose('was closed'));
  }

  /**
   * Connects and negotiates.
   * @throws SdmError SDM_UNREACHABLE if nobody listens or the connection is lost, SDM_TIMEOUT.
   */
  static async open(path: string, timeoutMs = 5000): Promise<Qmp> {
    const socket = connect(path);
    const qmp = new Qmp(socket, path);
    try {
      // The greeting has no id; 0 stands for it.
      await qmp.#wait(0, 'greeting', timeoutMs);
      await qmp.execute('qmp_capabilities', {}, timeoutMs);
      return qmp;
    } catch (error) {
      qmp.close();
      throw error;
    }
  }

  /**
   * Runs one command and gives its answer back.
   * @throws SdmError SDM_RACK_QEMU if QEMU refuses, SDM_TIMEOUT, SDM_UNREACHABLE.
   */
  async execute(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
    timeoutMs = 5000,
  ): Promise<unknown> {
    const id = this.#nextId++;
    const answer = this.#wait(id, command, timeoutMs);
    if (this.#lost === undefined) {
      this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    }
    const message = await answer;
    if (message.error !== undefined) {
      throw new SdmError(
        'SDM_RACK_QEMU',
        `QEMU refuses ${command}: ${message.error.desc} (${message.error.class})`,
        { details: { command, class: message.error.class } },
      );
    }
    return message.return;
  }

  /** Ends the connection; calls that wait fail. Idempotent. */
  close(): void {
    this.#socket.destroy();
  }

  #wait(id: number, what: string, timeoutMs: number): Promise<Message> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) {
        reject(this.#lost);
        return;
      }
      const timer = setTimeout(() => {
        this.#waiters.delete(id);
        reject(
          new SdmError('SDM_TIMEOUT', `waited ${timeoutMs} ms for ${what} on ${this.#path}`, {
            details: { what, timeoutMs },
          }),
        );
      }, timeoutMs);
      this.#waiters.set(id, {
        resolve: (message) => {
          clearTimeout(timer);
          resolve(message);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }

  #receive(text: string): void {
    this.#buffer += text;
    for (let end; (end = this.#buffer.indexOf('\n')) >= 0;) {
      const line = this.#buffer.slice(0, end).trim();
      this.#buffer = this.#buffer.slice(end + 1);
      if (line === '') continue;
      let message: Message;
      try {
        message = JSON.parse(line) as Message;
      } catch (cause) {
        this.#lose('carries what is not JSON', cause);
        return;
      }
      const id = message.QMP !== undefined ? 0 : message.id;
      if (id === undefined) continue;
      const waiter = this.#waiters.get(id);
      this.#waiters.delete(id);
      waiter?.resolve(message);
    }
  }

  #lose(how: string, cause?: unknown): void {
    this.#lost ??= new SdmError('SDM_UNREACHABLE', `the QMP connection ${this.#path} ${how}`, {
      details: { socket: this.#path },
      cause,
    });
    this.#tellLost(this.#lost);
    const waiters = [...this.#waiters.values()];
    this.#waiters.clear();
    for (const waiter of waiters) waiter.reject(this.#lost);
    this.#socket.destroy();
  }
}
