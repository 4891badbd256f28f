import type { ReadStream, WriteStream } from 'node:tty';

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A page of text that stands still while it changes; the terminal is as before when it is closed. */
export class Screen {
  readonly #stop = new AbortController();
  #text = '';
  readonly #onKey = (key: Buffer): void => {
    // q, Q, Ctrl-C, Ctrl-D
    if (/[qQ\x03\x04]/.test(key.toString('latin1'))) this.#stop.abort();
  };
  readonly #onSignal = (): void => this.#stop.abort();
  readonly #onResize = (): void => this.#draw();

  constructor(
    private readonly input: ReadStream & { fd: 0 },
    private readonly output: WriteStream & { fd: 1 },
  ) {
    output.write(ENTER);
    output.on('resize', this.#onResize);
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
    if (!input.isTTY) return;
    input.setRawMode(true);
    input.on('data', this.#onKey);
    input.resume();
  }

  /** When the user wants no more of it. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Shows as much of a text as there is room for. */
  show(text: string): void {
    this.#text = text;
    this.#draw();
  }

  close(): void {
    this.output.off('resize', this.#onResize);
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
    if (this.input.isTTY) {
      this.input.off('data', this.#onKey);
      this.input.setRawMode(false);
      this.input.pause();
    }
    this.output.write(LEAVE);
  }

  #draw(): void {
    const { rows = 24, columns = 80 } = this.output;
    const lines = this.#text.split('\n');
    const shown = lines.length <= rows ? lines : lines.slice(0, rows - 1);
    if (shown.length < lines.length) shown.push(`… ${lines.length - shown.length} more lines`);
    const page = shown.map((line) => `${line.slice(0, columns)}${CLEAR_LINE}`).join('\n');
    this.output.write(`${HOME}${page}${CLEAR_BELOW}`);
  }
}
