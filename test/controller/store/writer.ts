import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { waitFor } from '../../../src/common/wait.js';

const PROGRAM = join(import.meta.dirname, 'writer.mjs');

export interface Writer {
  readonly process: ChildProcess;
  /** Whole lines so far, of one kind, without their first word. */
  said(kind: string): string[];
  /** Waits for so many lines of a kind. */
  until(kind: string, count: number): Promise<void>;
  ended(): Promise<void>;
}

/**
 * A process that commits with so many clients at once; see writer.mjs.
 * @param under a command that runs it, with limits of its own, say.
 */
export function startWriter(
  path: string,
  from: number,
  clients: number,
  size = 200,
  under: readonly string[] = [],
): Writer {
  const [command, ...args] = [...under, process.execPath, PROGRAM, path];
  // To a file: a pipe that nobody reads in time would hold the writer up, or refuse it.
  const output = join(mkdtempSync(join(tmpdir(), 'sdm-writer-')), 'said');
  const file = openSync(output, 'a');
  const child = spawn(command!, [...args, ...[from, clients, size].map(String)], {
    stdio: ['ignore', file, 'inherit'],
  });
  closeSync(file);
  onTestFinished(() => {
    child.kill('SIGKILL');
    rmSync(dirname(output), { recursive: true, force: true });
  });
  const closed = new Promise<void>((done) => child.once('close', () => done()));
  const said = (kind: string): string[] => {
    const text = readFileSync(output, 'utf8');
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line === kind || line.startsWith(`${kind} `))
      .map((line) => line.slice(kind.length + 1));
  };
  return {
    process: child,
    said,
    ended: () => closed,
    async until(kind, count) {
      const look = (): true | undefined => {
        if (said(kind).length >= count) return true;
        if (child.exitCode !== null)
          throw new Error(`the writer ended; it said:\n${readFileSync(output, 'utf8')}`);
        return undefined;
      };
      await waitFor(`${count} lines "${kind}"`, look, { timeoutMs: 20_000, intervalMs: 2 });
    },
  };
}
