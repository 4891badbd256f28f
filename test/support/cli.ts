import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const SDM = join(import.meta.dirname, '../../bin/sdm');

export function startProgram(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): ChildProcess {
  return spawn(program, args, { env: { ...process.env, ...env }, stdio: 'pipe' });
}

/** Starts `sdm` as a user would. */
export function startSdm(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return startProgram(SDM, args, env);
}

/** Gathers what a command says until it ends. */
export function finished(child: ChildProcess, input?: string): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.setEncoding('utf8').on('data', (part: string) => (text[name] += part));
    }
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...text }));
    child.stdin?.on('error', () => {}); // It may end without reading all of it.
    child.stdin?.end(input);
  });
}

/** Runs `sdm` to its end. */
export function sdm(
  args: readonly string[],
  { env, input }: { env?: NodeJS.ProcessEnv; input?: string } = {},
): Promise<CliResult> {
  return finished(startSdm(args, env), input);
}
