import { spawn, type ChildProcess } from 'node:child_process';
import { SdmError } from '../common/errors.js';

/** For a daemon to say that it is ready; machines that run many of them are busy. */
const READY_MS = 30_000;
/** For one that was told to end. */
const STOP_MS = 20_000;
const LOG_TAIL = 20;

export interface DaemonOptions {
  /** What errors call it. */
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
  readonly env?: NodeJS.ProcessEnv;
  readonly readyMs?: number;
  readonly signal?: AbortSignal;
}

/** A daemon as a child of this process, which has said that it is ready. */
export interface Daemon {
  readonly name: string;
  readonly pid: number;
  readonly process: ChildProcess;
  /** What its ready line says. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** What it wrote to stderr so far. */
  log(): string;
  /** Signals it and waits for its end. Default SIGTERM. @returns its exit code; null: by a signal. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/**
 * Starts a daemon and waits for its ready line.
 * @throws SdmError SDM_COMMAND if it ends first, SDM_TIMEOUT if it says nothing; `details.log` has the end
 *   of its log. It has ended then.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { name, argv, env, readyMs = READY_MS, signal } = options;
  signal?.throwIfAborted();
  const [command, ...args] = argv;
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: env ?? process.env,
  });
  let [out, log] = ['', ''];
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const failed = (code: 'SDM_COMMAND' | 'SDM_TIMEOUT', why: string): SdmError =>
    new SdmError(code, `${name} ${why}; ${argv.join(' ')}`, {
      details: { log: log.trimEnd().split('\n').slice(-LOG_TAIL) },
    });
  const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
    const refuse = (error: unknown): void => {
      child.kill('SIGKILL');
      reject(error);
    };
    const timer = setTimeout(
      () => refuse(failed('SDM_TIMEOUT', `was not ready within ${readyMs} ms`)),
      readyMs,
    );
    const abort = (): void => refuse(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      act();
    };
    child.once('error', (error) =>
      settle(() => reject(failed('SDM_COMMAND', `cannot be run: ${error.message}`))),
    );
    void ended.then((code) =>
      settle(() => reject(failed('SDM_COMMAND', `ended with ${code} before it was ready`))),
    );
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      const line = out.split('\n').find((each) => each.includes('"event":"ready"'));
      if (line !== undefined && out.includes(`${line}\n`)) {
        settle(() => resolve(JSON.parse(line) as Record<string, unknown>));
      }
    });
  });
  return {
    name,
    pid: child.pid!,
    process: child,
    ready,
    log: () => log,
    async stop(by = 'SIGTERM') {
      if (child.exitCode !== null || child.signalCode !== null) return ended;
      child.kill(by);
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      const code = await ended;
      clearTimeout(timer);
      return code;
    },
  };
}
