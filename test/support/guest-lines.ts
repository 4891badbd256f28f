import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Rack } from '../../src/rack/index.js';
import { COMMAND_MS } from './rack.js';

/** A program in a brick that answers each line of its input with a line, one after the other. */
export class GuestLines {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Interface;
  readonly #ended: Promise<number>;
  readonly #name: string;

  constructor(rack: Rack, n: number, command: readonly string[]) {
    const [program, ...args] = rack.sshArgv(n, command);
    this.#name = `"${command.join(' ')}" in brick ${n}`;
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    // of a program that has ended next() tells
    this.#child.stdin.on('error', () => {});
    this.#ended = new Promise((resolve) => {
      this.#child.on('close', (code) => resolve(code ?? -1));
    });
    this.#lines = createInterface({ input: this.#child.stdout });
  }

  /** The next line. @param what it answers, for people. */
  next(what: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        this.#child.kill();
        reject(new Error(`${this.#name}: no answer to "${what}" within ${COMMAND_MS} ms`));
      }, COMMAND_MS);
      this.#lines.once('line', (line) => {
        clearTimeout(deadline);
        resolve(line);
      });
      void this.#ended.then((code) => {
        clearTimeout(deadline);
        reject(new Error(`${this.#name} ended with ${code}, asked "${what}"`));
      });
    });
  }

  ask(line: string): Promise<string> {
    const answer = this.next(line);
    this.#child.stdin.write(`${line}\n`);
    return answer;
  }

  /** @returns the program's exit code. */
  end(): Promise<number> {
    this.#child.stdin.end();
    return this.#ended;
  }
}
