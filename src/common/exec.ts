import { spawn, type ChildProcess } from 'node:child_process';
import { SdmError } from './errors.js';
import { maskPasswords } from './mask.js';

export interface RunOptions {
  readonly cwd?: string;
  /** The whole environment; default: this process's own. */
  readonly env?: NodeJS.ProcessEnv;
  /** Default 120,000. When it passes, the command and its children are killed. */
  readonly timeoutMs?: number;
  /** Kills the command and its children; run() then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly input?: string | Uint8Array;
  /** Exit codes that are no failure; default only 0. */
  readonly okCodes?: readonly number[];
  /** What to do about a failure; the last sentence of the error's message. */
  readonly hint?: string;
  /**
   * Called with the command, then for every line of its stdout and stderr as it comes; passwords in
   * addresses are masked.
   */
  readonly onLine?: ((line: string) => void) | undefined;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const DEFAULT_TIMEOUT_MS = 120_000;
const TAIL_LINES = 30;

/**
 * Runs a command to its end in a process group of its own, so that nothing of it outlives a
 * deadline or a cancellation.
 * @throws SdmError SDM_COMMAND: it could not be started, or ended with another code (the message
 * carries the end of its output); SDM_TIMEOUT: its deadline passed.
 */
export async function run(
  argv: readonly [string, ...string[]],
  options: RunOptions = {},
): Promise<RunResult> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, signal, okCodes = [0] } = options;
  signal?.throwIfAborted();
  const [command, ...args] = argv;
  options.onLine?.(`+ ${shown(argv)}`);
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(child);
  }, timeoutMs);
  const abort = (): void => killGroup(child);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const result = await collect(child, options);
    signal?.throwIfAborted();
    if (timedOut) {
      throw new SdmError(
        'SDM_TIMEOUT',
        `${shown(argv)} did not end within ${timeoutMs / 1000} s.${tail(result)}`,
      );
    }
    if (!okCodes.includes(result.code))
      throw failure(argv, `ended with ${result.code}`, options, result);
    return result;
  } catch (error) {
    if (isErrno(error) && error.syscall?.startsWith('spawn')) {
      throw failure(argv, `could not be started (${error.code ?? 'unknown error'})`, options);
    }
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

function collect(child: ChildProcess, options: RunOptions): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const streams = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      let rest = '';
      child[name]?.setEncoding('utf8').on('data', (text: string) => {
        streams[name] += text;
        if (!options.onLine) return;
        const lines = (rest + text).split(/\r?\n/);
        rest = lines.pop() ?? '';
        for (const line of lines) options.onLine(maskPasswords(line));
      });
    }
    child.on('error', reject);
    // A command may end without reading its input: that is no failure of its own.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input);
    child.on('close', (code, signal) => {
      resolve({ code: code ?? (signal === null ? 255 : 128), ...streams });
    });
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    // It ended by itself in the meantime.
    if (!isErrno(error) || error.code !== 'ESRCH') throw error;
  }
}

function failure(
  argv: readonly string[],
  what: string,
  options: RunOptions,
  result?: RunResult,
): SdmError {
  const hint = options.hint === undefined ? '' : `\n${options.hint}`;
  return new SdmError(
    'SDM_COMMAND',
    `${shown(argv)} ${what}.${result ? tail(result) : ''}${hint}`,
    {
      details: { argv: argv.map(maskPasswords), ...(result && { exitCode: result.code }) },
    },
  );
}

function shown(argv: readonly string[]): string {
  const text = maskPasswords(
    argv.map((a) => (/^[\w@%+=:,./~-]+$/.test(a) ? a : `'${a}'`)).join(' '),
  );
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

function tail({ stdout, stderr }: RunResult): string {
  const lines = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 0) return '';
  return ' The end of its output:\n' + maskPasswords(lines.slice(-TAIL_LINES).join('\n'));
}

function isErrno(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error;
}
