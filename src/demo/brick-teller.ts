import type { Progress } from '../common/progress.js';
import type { Rack } from '../rack/index.js';
import { BrickCommands } from './brick-commands.js';
import { Transcript, type Teller } from './transcript.js';

/** What tells of one brick, and takes the time of each step. */
export abstract class BrickTeller implements Teller {
  readonly n: number;
  readonly times = new Map<string, number>();
  protected readonly rack: Rack;
  protected readonly commands: BrickCommands;
  protected transcript: Transcript;
  readonly #progress: Progress;

  constructor(rack: Rack, n: number, progress: Progress, signal: AbortSignal) {
    this.n = n;
    this.rack = rack;
    this.#progress = progress;
    this.transcript = new Transcript(progress);
    this.commands = new BrickCommands(rack, n, signal);
  }

  begin(): Transcript {
    this.transcript = new Transcript(this.#progress);
    this.transcript.say(`\nBrick ${this.n}`);
    return this.transcript;
  }

  protected async time<T>(step: string, work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    const result = await work();
    const ms = performance.now() - began;
    this.times.set(step, ms);
    this.transcript.say(`✓ ${step}  ${(ms / 1000).toFixed(1)} s`);
    return result;
  }
}
