import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { SdmError } from '../common/errors.js';
import type { Rack } from '../rack/index.js';

/** What the demo reads of the agent's JSON; numbers of bytes are "0x…" strings there. */
export interface AttachmentJson {
  readonly id: string;
  readonly state: string;
  readonly start: string;
  readonly end: string;
  readonly size: string;
  readonly remote: string;
  readonly memport: number;
  readonly node: number;
  readonly steps: readonly { readonly step: string; readonly ms: number }[];
}

export interface NodeJson {
  readonly node: number;
  readonly online: boolean;
  readonly totalBytes: string;
  readonly freeBytes: string;
  readonly tier?: number;
}

export interface MemoryJson {
  readonly nodes: readonly NodeJson[];
}

/** What memfill prints. */
export interface FillJson {
  readonly pages: number;
  readonly bytes: number;
  readonly node: number;
  readonly seconds: number;
  readonly physMin: string;
  readonly physMax: string;
}

const COMMAND_TIMEOUT_MS = 120_000;

/** The commands of the demo in one brick, each as a person would type it there. */
export class BrickCommands {
  readonly #rack: Rack;
  readonly n: number;
  readonly #signal: AbortSignal;

  constructor(rack: Rack, n: number, signal: AbortSignal) {
    this.#rack = rack;
    this.n = n;
    this.#signal = signal;
  }

  async memory(): Promise<MemoryJson> {
    return this.#json(['sdm-agent', 'memory', '--json']);
  }

  async attach(size: string): Promise<AttachmentJson> {
    return this.#json(['sdm-agent', 'attach', '--size', size, '--json']);
  }

  async detach(id: string): Promise<AttachmentJson> {
    return this.#json(['sdm-agent', 'detach', id, '--json']);
  }

  /** Fills `bytes` of a node; the memory stays in use until the returned `release` is called. */
  async fill(
    node: number,
    bytes: bigint,
    seed: bigint,
  ): Promise<{ result: FillJson; release: () => Promise<void> }> {
    const argv = this.#rack.sshArgv(this.n, [
      ...['memfill', '--node', String(node), '--size', String(bytes)],
      ...['--seed', String(seed), '--hold', '--json'],
    ]);
    const [command, ...args] = argv;
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = exit(child);
    const abort = (): void => void child.kill();
    this.#signal.addEventListener('abort', abort, { once: true });
    const line = await Promise.race([firstLine(child), ended.then(endedEarly)]);
    return {
      result: JSON.parse(line) as FillJson,
      release: async () => {
        child.stdin.end();
        const code = await ended;
        this.#signal.removeEventListener('abort', abort);
        if (code !== 0) endedEarly(code);
      },
    };
  }

  async #json<T>(argv: readonly string[]): Promise<T> {
    const { code, stdout, stderr } = await this.#rack.exec(this.n, argv, {
      timeoutMs: COMMAND_TIMEOUT_MS,
      signal: this.#signal,
    });
    if (code === 0) return JSON.parse(stdout) as T;
    throw new SdmError(
      'SDM_DEMO',
      `brick ${this.n}: "${argv.join(' ')}" ended with ${code}: ${stderr.trim() || stdout.trim()}`,
    );
  }
}

function endedEarly(code: number): never {
  throw new SdmError('SDM_DEMO', `memfill ended with ${code}; its message is above`);
}

function exit(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => child.kill('SIGKILL'), COMMAND_TIMEOUT_MS);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(deadline);
      resolve(code ?? -1);
    });
  });
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    if (child.stdout !== null) createInterface({ input: child.stdout }).once('line', resolve);
  });
}
