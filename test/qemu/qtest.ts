import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** For one answer: a machine that runs no guest has nothing else to do. */
const ANSWER_MS = 20_000;

/**
 * A machine of QEMU's without processors that run: registers are read and written from here, by the
 * protocol of QEMU's own tests.
 */
export class QtestMachine {
  readonly #process: ChildProcess;
  readonly #socket: Socket;
  readonly #waiting: ((line: string) => void)[] = [];
  readonly #said: () => string;

  /** @param dir for the socket; short. */
  static async start(binary: string, dir: string, args: readonly string[]): Promise<QtestMachine> {
    const path = join(dir, 'qtest');
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(path, resolve);
    });
    const child = spawn(
      binary,
      [
        ...['-nodefaults', '-no-user-config', '-display', 'none', '-accel', 'qtest'],
        ...['-qtest', `unix:${path}`, '-qtest-log', '/dev/null', ...args],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (more: string) => (text += more));
    const said = (): string => text;
    try {
      return new QtestMachine(child, await connected(server, child, said), said);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    } finally {
      server.close();
    }
  }

  private constructor(child: ChildProcess, socket: Socket, said: () => string) {
    this.#process = child;
    this.#socket = socket;
    this.#said = said;
    createInterface(socket).on('line', (line) => {
      // an interrupt line that changed, which nobody asked for
      if (!line.startsWith('IRQ ')) this.#waiting.shift()?.(line);
    });
    socket
      .on('error', () => {})
      .once('close', () => {
        for (const answer of this.#waiting.splice(0)) answer('closed');
      });
  }

  /** What QEMU wrote to its standard error. */
  get said(): string {
    return this.#said();
  }

  /** Sends commands at once and gives the words behind each OK. */
  async ask(commands: readonly string[]): Promise<string[]> {
    const answers = commands.map(
      (command) =>
        new Promise<string>((resolve, reject) => {
          const timer = setTimeout(
            () => reject(new Error(`qtest: no answer to "${command}" in ${ANSWER_MS} ms`)),
            ANSWER_MS,
          );
          this.#waiting.push((line) => {
            clearTimeout(timer);
            if (line === 'OK' || line.startsWith('OK ')) resolve(line.slice(3));
            else reject(new Error(`qtest: "${command}" got "${line}": ${this.#said()}`));
          });
        }),
    );
    this.#socket.write(commands.map((command) => `${command}\n`).join(''));
    return Promise.all(answers);
  }

  async read(width: 'l' | 'q', addresses: readonly bigint[]): Promise<bigint[]> {
    const words = await this.ask(addresses.map((at) => `read${width} 0x${at.toString(16)}`));
    return words.map((word) => BigInt(word));
  }

  async write(
    width: 'w' | 'l' | 'q',
    values: readonly (readonly [bigint, bigint])[],
  ): Promise<void> {
    const hex = (value: bigint): string => `0x${value.toString(16)}`;
    await this.ask(values.map(([at, value]) => `write${width} ${hex(at)} ${hex(value)}`));
  }

  /** Ends QEMU; @returns the status that it ended with. */
  async end(): Promise<number | null> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) return exitCode;
    const ended = new Promise<number | null>((resolve) => {
      this.#process.once('exit', (code) => resolve(code));
    });
    // Without its connection it would wait for another one.
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), ANSWER_MS);
    const code = await ended;
    clearTimeout(timer);
    this.#socket.destroy();
    return code;
  }
}

function connected(server: Server, child: ChildProcess, said: () => string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const failed = (why: string): void => reject(new Error(`QEMU ${why}: ${said()}`));
    const timer = setTimeout(() => failed(`did not come in ${ANSWER_MS} ms`), ANSWER_MS);
    child.once('error', (error) => failed(`did not start: ${error.message}`));
    child.once('exit', (code) => failed(`ended with ${code}`));
    server.once('connection', (socket) => {
      clearTimeout(timer);
      resolve(socket);
    });
  });
}
