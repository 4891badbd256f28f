import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { SdmError } from '../common/errors.js';
import { hex } from '../common/units.js';
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
  /** Of mode device: what programs map. */
  readonly device?: { readonly path: string; readonly offset: string };
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
  readonly module: { readonly window?: { readonly start: string } };
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

  /** What the agent has of these attachments, in their order. */
  async attachments(ids: readonly string[]): Promise<AttachmentJson[]> {
    const all = await this.#json<AttachmentJson[]>(['sdm-agent', 'list', '--json']);
    return ids.map((id) => {
      const found = all.find((each) => each.id === id);
      if (found !== undefined) return found;
      throw new SdmError('SDM_DEMO', `the agent of brick ${this.n} knows of no attachment ${id}`);
    });
  }

  /** A part of the pool for programs to map, at an address of our choice. */
  async attachDevice(piece: {
    readonly size: bigint;
    readonly start: bigint;
    readonly remote: bigint;
    readonly shared: boolean;
  }): Promise<AttachmentJson> {
    return this.#json([
      ...['sdm-agent', 'attach', '--mode', 'device', '--size', String(piece.size)],
      ...['--start', hex(piece.start), '--remote', hex(piece.remote)],
      ...(piece.shared ? ['--shared'] : []),
      '--json',
    ]);
  }

  /** Writes a whole attachment of mode device, or checks that it is as `seed` writes it. */
  async fillDevice(
    { device, size }: AttachmentJson,
    how: 'write' | 'check',
    seed: bigint,
  ): Promise<void> {
    await this.#json([
      ...['memfill', '--device', device?.path ?? '', '--offset', device?.offset ?? ''],
      ...['--size', String(BigInt(size)), '--seed', String(seed), `--${how}`, '--json'],
    ]);
  }

  /**
   * Has the module give programs a range of the window that no attachment has, and a program touch it.
   * @returns "SIGBUS", or what else came of it.
   */
  async touchUnmapped(window: bigint, start: bigint, size: bigint): Promise<string> {
    const range = `${hex(start)} ${hex(size)}`;
    const { stdout, stderr } = await this.#rack.exec(
      this.n,
      'cd /sys/class/misc/sdm-window && ' +
        `echo ${range} >claim && echo ${range} >expose && { ` +
        `memfill --device /dev/sdm-window --offset ${hex(start - window)} --size ${size} ` +
        '--seed 1 --check; echo "ended with $?"; ' +
        `echo ${range} >conceal; echo ${range} >release; }`,
      { timeoutMs: COMMAND_TIMEOUT_MS, signal: this.#signal },
    );
    // 128 and the number of the signal, as shells say it
    if (stdout.trim() === 'ended with 135') return 'SIGBUS';
    return [stdout.trim(), stderr.trim()].filter((text) => text !== '').join('; ');
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
    const what = `memfill in brick ${this.n}`;
    const line = await within(child, `${what} to fill its memory`, [
      firstLine(child),
      ended.then((code) => endedEarly(what, code)),
    ]);
    return {
      result: JSON.parse(line) as FillJson,
      release: async () => {
        child.stdin.end();
        const code = await within(child, `${what} to end`, [ended]);
        this.#signal.removeEventListener('abort', abort);
        if (code !== 0) endedEarly(what, code);
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

function endedEarly(what: string, code: number): never {
  throw new SdmError('SDM_DEMO', `${what} ended with ${code}; its message is above`);
}

/** The first of `outcomes`; at the deadline the child is killed. */
async function within<T>(
  child: ChildProcess,
  waitedFor: string,
  outcomes: readonly Promise<T>[],
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      child.kill('SIGKILL');
      const seconds = COMMAND_TIMEOUT_MS / 1000;
      reject(new SdmError('SDM_TIMEOUT', `waited ${seconds} s for ${waitedFor}, and killed it`));
    }, COMMAND_TIMEOUT_MS);
  });
  try {
    return await Promise.race([...outcomes, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

function exit(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? -1));
  });
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    if (child.stdout !== null) createInterface({ input: child.stdout }).once('line', resolve);
  });
}
