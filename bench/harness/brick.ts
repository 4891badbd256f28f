import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SdmError } from '../../src/common/errors.js';
import { run } from '../../src/common/exec.js';
import { projectDir } from '../../src/common/paths.js';
import type { CpioEntry } from '../../src/rack/artifacts/index.js';
import type { Rack } from '../../src/rack/index.js';

/** Racks of a bench have one brick. */
const BRICK = 1;
/** Of the largest thing that a suite does by one command; TCG is slow on a busy machine. */
const COMMAND_MS = 240_000;
/** Where programs lie in a brick. */
const PROGRAMS = '/brick';

/** The only brick of a rack. */
export interface Brick {
  readonly rack: Rack;
  /** Ends whatever is waited for. */
  readonly signal: AbortSignal;
}

/** What a step of an attachment took, by the agent's own clock. */
export interface StepTime {
  readonly step: string;
  readonly ms: number;
}

/** The part of an attachment's JSON that suites read. */
export interface Attachment {
  readonly id: string;
  readonly start: string;
  readonly steps: readonly StepTime[];
  /** Of mode `device`: what a program maps. */
  readonly device?: { readonly path: string; readonly offset: string };
}

/**
 * What a command in the brick printed.
 * @param command words, or a line for its shell.
 * @throws SDM_BENCH with what it said, if it fails.
 */
export async function inBrick(
  { rack, signal }: Brick,
  command: string | readonly string[],
  input?: string,
): Promise<string> {
  const options = { signal, timeoutMs: COMMAND_MS, ...(input === undefined ? {} : { input }) };
  const { code, stdout, stderr } = await rack.exec(BRICK, command, options);
  if (code === 0) return stdout;
  const words = typeof command === 'string' ? command : command.join(' ');
  throw new SdmError('SDM_BENCH', `${words} in the brick ended with ${code}: ${stderr.trim()}`);
}

/** What the brick's agent answers to one of its own commands. */
export async function askAgent(brick: Brick, ...argv: readonly string[]): Promise<Attachment> {
  return JSON.parse(await inBrick(brick, ['sdm-agent', ...argv, '--json'])) as Attachment;
}

/** One way there and back again, of which nothing is left. */
export interface RoundTrip {
  readonly start: string;
  readonly up: readonly StepTime[];
  readonly down: readonly StepTime[];
}

/** Attaches and detaches system RAM once. */
export async function roundTrip(brick: Brick, size: bigint, node: number): Promise<RoundTrip> {
  const of = ['--size', `0x${size.toString(16)}`, '--node', String(node)];
  const { id, start, steps: up } = await askAgent(brick, 'attach', ...of);
  const { steps } = await askAgent(brick, 'detach', id);
  // A detach answers with the steps of both ways.
  return { start, up, down: steps.slice(up.length) };
}

/** What {@link guestProgram} is called in a brick. */
export function guestPath(name: string): string {
  return `${PROGRAMS}/${name}`;
}

/**
 * A program of bench/guest for bricks, compiled now.
 * @throws SDM_COMMAND with what the compiler said.
 */
export async function guestProgram(name: string, signal: AbortSignal): Promise<CpioEntry> {
  const scratch = mkdtempSync(path.join(tmpdir(), 'sdm-bench-guest-'));
  const program = path.join(scratch, name);
  const source = path.join(projectDir(), `bench/guest/${name}.c`);
  try {
    const flags = ['-std=gnu17', '-O2', '-static', '-Wall', '-Wextra'];
    await run(['aarch64-linux-gnu-gcc', ...flags, '-o', program, source], {
      signal,
      hint: 'The cross compiler comes with the package gcc-aarch64-linux-gnu.',
    });
    return { path: guestPath(name), mode: 0o755, data: readFileSync(program) };
  } finally {
    rmSync(scratch, { recursive: true });
  }
}
