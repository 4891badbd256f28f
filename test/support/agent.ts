import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fromBuffer, type MemportRegisters } from '../../src/abi/codec.js';
import { exchange, type UnixAnswer, type UnixRequest } from '../../src/common/http.js';

const BIN = resolve(import.meta.dirname, '../../bin/sdm-agent');

/** Longest wait for a process to do what takes it a second; the machine may be busy. */
const DEADLINE_MS = 20_000;

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line of sdm-agent to its end. @throws if it does not end in time. */
export async function sdmAgent(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Result> {
  const child = spawn(BIN, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, SDM_AGENT_SOCKET: undefined, ...env },
  });
  const output = collect(child);
  const code = await exited(child, `sdm-agent ${args.join(' ')}`);
  return { code, ...output() };
}

export interface Brick {
  readonly dir: string;
  readonly config: string;
  readonly registers: string;
  readonly pool: string;
  readonly socket: string;
  /** Ends what is running and removes the directory. */
  remove(): Promise<void>;
  /**
   * Starts an agent and waits for its ready line. @throws with its log if it ends first.
   * @param env more of its environment, such as SDM_FAULT.
   */
  start(env?: NodeJS.ProcessEnv): Promise<RunningAgent>;
  /** A command line of sdm-agent with this brick's socket. */
  run(...args: string[]): Promise<Result>;
  ask(request: Omit<UnixRequest, 'socketPath'>): Promise<UnixAnswer>;
  /** The memports in the register file that are set. */
  setMemports(): MemportRegisters[];
}

export interface RunningAgent {
  readonly pid: number;
  readonly process: ChildProcess;
  /** What it wrote to stdout when it was ready. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** What it wrote to stderr so far. */
  log(): string;
  /** Signals and waits for its end. Default SIGTERM. @returns its exit code; null: by the signal. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface BrickOptions {
  readonly poolSize?: bigint;
  /** More keys of the configuration. */
  readonly config?: object;
  /** More arguments of `registers format`. */
  readonly format?: readonly string[];
}

/** A brick that is a process: registers and pool are files in a directory of its own. */
export async function makeBrick(options: BrickOptions = {}): Promise<Brick> {
  const dir = mkdtempSync(join(tmpdir(), 'sdm-agent-'));
  const [registers, pool, config] = ['registers', 'pool', 'agent.json'].map((n) =>
    join(dir, n),
  ) as [string, string, string];
  const socket = join(dir, 'run/agent.sock');
  const poolSize = options.poolSize ?? 1n << 30n;
  writeFileSync(pool, '');
  truncateSync(pool, Number(poolSize));
  const formatted = await sdmAgent([
    'registers',
    'format',
    registers,
    '--pool',
    pool,
    ...(options.format ?? []),
  ]);
  if (formatted.code !== 0) throw new Error(formatted.stderr);
  const share = { start: '0x200000', size: `0x${(poolSize - 0x200000n).toString(16)}` };
  writeFileSync(
    config,
    JSON.stringify({
      brick: 'test',
      registers: { backend: 'file', path: registers },
      pool: { path: pool },
      shares: [share],
      socket,
      stateDir: join(dir, 'state'),
      ...options.config,
    }),
  );

  const running = new Set<RunningAgent>();
  return {
    dir,
    config,
    registers,
    pool,
    socket,
    async remove() {
      await Promise.all([...running].map((agent) => agent.stop('SIGKILL')));
      rmSync(dir, { recursive: true });
    },
    async start(env = {}) {
      const agent = await startAgent(config, env);
      running.add(agent);
      agent.process.once('exit', () => running.delete(agent));
      return agent;
    },
    run: (...args) => sdmAgent(args, { SDM_AGENT_SOCKET: socket }),
    ask: (request) => exchange({ ...request, socketPath: socket, timeoutMs: DEADLINE_MS }),
    setMemports: () => fromBuffer(readFileSync(registers)).memports.filter(({ set }) => set),
  };
}

/** Starts an agent with a configuration and waits for its ready line. */
export async function startAgent(config: string, env: NodeJS.ProcessEnv): Promise<RunningAgent> {
  const child = spawn(BIN, ['serve', '--config', config], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const output = collect(child);
  await new Promise<void>((done, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`no ready line within ${DEADLINE_MS} ms; log:\n${output().stderr}`));
    }, DEADLINE_MS);
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      act();
    };
    child.stdout.on('data', () => {
      if (output().stdout.includes('"event":"ready"')) settle(done);
    });
    child.once('error', (error) => settle(() => reject(error)));
    child.once('close', () => settle(() => reject(new Error(`it ended:\n${output().stderr}`))));
  });
  return {
    pid: child.pid!,
    process: child,
    ready: JSON.parse(output().stdout.split('\n')[0]!) as Record<string, unknown>,
    log: () => output().stderr,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      child.kill(signal);
      return exited(child, `sdm-agent serve after ${signal}`);
    },
  };
}

function collect(child: ChildProcess): () => { stdout: string; stderr: string } {
  const text = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text.stdout += chunk));
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (text.stderr += chunk));
  return () => ({ ...text });
}

/** Waits for a process and its output to end. */
function exited(child: ChildProcess, what: string): Promise<number | null> {
  return new Promise((done, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${what} did not end within ${DEADLINE_MS} ms`));
    }, DEADLINE_MS);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      done(code);
    });
  });
}
