import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { maskPasswords } from './mask.js';
import { verboseLogPath } from './paths.js';

/** What a step may say of itself while it runs: a few words such as "12 of 40 MB". */
export type Report = (detail: string) => void;

/** A stream that may be a terminal. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface ProgressOptions {
  /** Where lines go. Default stdout; hand in stderr where stdout carries data. */
  readonly stream?: ProgressStream;
  /** Every operation goes to the stream and to FAME's log file. Default: is VERBOSE set? */
  readonly verbose?: boolean;
}

const FRAMES = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';
const FRAME_MS = 100;
/** Without a terminal, a step that takes long says so this often. */
const PLAIN_EVERY_MS = 10_000;

/**
 * Shows work step by step: one line that moves on a terminal, plain lines elsewhere, each with its
 * time. Steps may run at once; the terminal shows the one that began last.
 */
export class Progress {
  readonly #stream: ProgressStream;
  readonly #verbose: boolean;
  readonly #running: { name: string; began: number; detail: string }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #frame = 0;

  constructor({
    stream = process.stdout,
    verbose = !!process.env['VERBOSE'],
  }: ProgressOptions = {}) {
    this.#stream = stream;
    this.#verbose = verbose;
    if (verbose) mkdirSync(dirname(verboseLogPath()), { recursive: true });
  }

  /** Runs `work` as a step and prints its name with its time when it ends, however it ends. */
  async step<T>(name: string, work: (report: Report) => Promise<T> | T): Promise<T> {
    const step = { name, began: performance.now(), detail: '' };
    this.#running.push(step);
    this.trace(`== ${name}`);
    this.#start();
    try {
      const result = await work((detail) => {
        step.detail = detail;
      });
      this.#end(step, '✓', step.detail);
      return result;
    } catch (error) {
      this.#end(step, '✗', '');
      throw error;
    }
  }

  /** A line of its own. */
  note(text: string): void {
    this.#line(text);
  }

  /** One operation: shown and logged only when VERBOSE is set, without passwords of addresses. */
  readonly trace = (text: string): void => {
    if (!this.#verbose) return;
    const line = maskPasswords(text);
    this.#line(`    ${line}`);
    appendFileSync(verboseLogPath(), `${new Date().toISOString()} ${line}\n`);
  };

  #start(): void {
    if (this.#timer !== undefined) return;
    const tty = this.#stream.isTTY;
    this.#timer = setInterval(
      () => (tty ? this.#draw() : this.#remind()),
      tty ? FRAME_MS : PLAIN_EVERY_MS,
    ).unref();
    if (tty) this.#draw();
  }

  #end(step: { name: string; began: number }, mark: string, detail: string): void {
    this.#running.splice(
      this.#running.findIndex((s) => s === step),
      1,
    );
    if (this.#running.length === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    this.#line(`${mark} ${step.name}${detail && ` (${detail})`}  ${seconds(step.began)}`);
  }

  #draw(): void {
    const step = this.#running.at(-1);
    if (!step) return;
    this.#frame = (this.#frame + 1) % FRAMES.length;
    const text = `${FRAMES[this.#frame]} ${step.name}${step.detail && ` (${step.detail})`}  ${seconds(step.began)}`;
    this.#stream.write(`\r\x1b[K${text.slice(0, (this.#stream.columns || 80) - 1)}`);
  }

  #remind(): void {
    const step = this.#running.at(-1);
    if (step) {
      this.#stream.write(
        `  ${step.name} …${step.detail && ` ${step.detail}`}  ${seconds(step.began)}\n`,
      );
    }
  }

  #line(text: string): void {
    this.#stream.write(`${this.#stream.isTTY ? '\r\x1b[K' : ''}${text}\n`);
    if (this.#stream.isTTY) this.#draw();
  }
}

function seconds(began: number): string {
  return `${((performance.now() - began) / 1000).toFixed(1)} s`;
}
